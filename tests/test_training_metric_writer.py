import pytest

from manloc_jax.training import metric_writer


def test_resumed_run_drops_lines_past_its_checkpoint(tmp_path):
  with metric_writer.Writer(str(tmp_path), first_step=0) as out:
    for step in (1, 2, 3):
      out.write(step, {'loss': step})
  with (tmp_path / 'metrics.jsonl').open('a') as file:
    file.write('{"step": 4, "lo')  # Killed while writing.
  with metric_writer.Writer(str(tmp_path), first_step=2) as out:
    out.write(3, {'loss': 30})
  assert metric_writer.read(str(tmp_path)) == [
      {'step': 1, 'loss': 1.0},
      {'step': 2, 'loss': 2.0},
      {'step': 3, 'loss': 30.0},
  ]


def test_other_processes_write_nothing(tmp_path):
  with metric_writer.Writer(str(tmp_path), first_step=0, enabled=False) as out:
    out.write(1, {'loss': 1})
  assert not list(tmp_path.iterdir())


def test_tensorboard_events_where_it_is_installed(tmp_path):
  pytest.importorskip('tensorboard', reason='TensorBoard is not installed.')
  with metric_writer.Writer(str(tmp_path), first_step=0) as out:
    out.write(1, {'loss': 0.5})
  assert list(tmp_path.glob('events.out.tfevents.*'))
