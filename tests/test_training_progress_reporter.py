"""Progress reports, divergence and the scores that a run remembers."""

import pytest

from manloc_jax import errors
from manloc_jax.training import checkpoint
from manloc_jax.training import progress_reporter


@pytest.mark.parametrize('loss', [float('nan'), float('inf')])
def test_a_diverged_network_is_refused(loss):
  with pytest.raises(errors.UserError, match='at step 7; rest, it needs'):
    progress_reporter.check_finite(loss, 7, 'rest, it needs')


def test_a_finite_loss_passes():
  progress_reporter.check_finite(1e30, 7, 'nothing')


def test_a_report_has_rates_and_the_note(capsys):
  reporter = progress_reporter.ProgressReporter(
      4, 10, batch_size=3, show=True, examples='crops'
  )
  with reporter.waiting():
    pass
  reporter.set_note('so far')
  rates = reporter.report(6, 0.25)
  assert rates['crops_per_s'] > 0 and 0 < rates['input_wait_share'] < 1
  line = capsys.readouterr().err
  assert line.startswith('step 6/10  loss 0.2500') and 'crops/s' in line
  assert 'so far' in line


def test_a_score_that_is_no_number_is_never_the_best():
  scores = checkpoint.Progress()
  scores.add(10, float('nan'))
  scores.add(20, 0.4)
  scores.add(30, float('nan'))
  assert scores.best_step == 20
  assert scores.evaluations_since_best() == 1
  # As a checkpoint of an older version may hold it.
  older = checkpoint.Progress({10: float('nan'), 20: 0.4, 30: float('nan')})
  assert older.best_step == 20
  assert checkpoint.Progress({10: float('nan')}).best_step is None
