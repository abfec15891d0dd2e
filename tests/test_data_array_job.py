"""Preparation shard by shard: the bytes of one process, whatever happens."""

import json

import pytest
import trees

from manloc_jax import cli
from manloc_jax import errors
from manloc_jax.data import array_job
from manloc_jax.data import preparation_plan
from manloc_jax.data import prepare
from manloc_jax.data import spec
from manloc_jax.data.sampling import extract
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import shard_files


@pytest.fixture
def tree(tmp_path):
  return trees.casia1(tmp_path / 'casia')


def options(tree, out, **changes):
  return {
      'dataset': 'casia1',
      'root': tree,
      'out': out,
      'seed': 3,
      'split_rule': 'group',
      'fractions': (0.5, 0.25, 0.25),
      'sampler': patches.Sampler(max_per_image=12),
      **changes,
  }


def content(folder):
  return {path.name: path.read_bytes() for path in folder.iterdir()}


def run_array(plan, count):
  return [array_job.work(plan, i, count, map) for i in range(count)]


@pytest.mark.parametrize(
    ('count', 'backend'), [(1, 'memory'), (3, 'tfrecord'), (9, 'memory')]
)
def test_shards_give_the_bytes_of_one_process(tree, tmp_path, count, backend):
  given = options(tree, tmp_path / 'array', backend=backend)
  plan = preparation_plan.make(**given)
  run_array(plan, count)
  assert f'All {count} shards are sampled' in run_array(plan, count)[-1]
  array_job.merge(plan, count)
  whole = prepare.prepare(**{**given, 'out': tmp_path / 'one'}, workers=1)
  assert plan.folder.name == whole.name
  assert content(plan.folder) == content(whole)
  # Nothing else is left.
  assert [path.name for path in plan.folder.parent.iterdir()] == [whole.name]


def test_images_found_broken_while_sampling_cost_one_more_round(
    tree, tmp_path
):
  broken = sorted(tree.glob('Tp/Sp/*'))[:2]
  for path in broken:  # The header is whole, the pixels are not.
    path.write_bytes(path.read_bytes()[:600])
  plan = preparation_plan.make(**options(tree, tmp_path / 'array'))
  run_array(plan, 3)
  said = run_array(plan, 3)
  while 'All 3' not in said[-1]:
    with pytest.raises(spec.DataError, match='not sampled yet'):
      array_job.merge(plan, 3)
    said = run_array(plan, 3)
  array_job.merge(plan, 3)
  whole = prepare.prepare(**options(tree, tmp_path / 'one'), workers=1)
  assert content(plan.folder) == content(whole)
  rejected = json.loads((whole / 'manifest.json').read_text())['rejected']
  assert {x['path'] for x in rejected} == {str(path) for path in broken}


def test_what_is_done_is_not_done_again(tree, tmp_path, monkeypatch):
  plan = preparation_plan.make(**options(tree, tmp_path / 'array'))
  run_array(plan, 2)
  run_array(plan, 2)
  with monkeypatch.context() as patch:
    patch.setattr(extract, 'examine', None)  # Would fail if it were needed.
    run_array(plan, 2)
    array_job.merge(plan, 2)


def test_missing_shards_are_named(tree, tmp_path):
  plan = preparation_plan.make(**options(tree, tmp_path / 'array'))
  assert '2 others are not yet, such as 0' in array_job.work(plan, 1, 3, map)
  with pytest.raises(spec.DataError, match='2 of 3 .* examined .* shard 0'):
    array_job.merge(plan, 3)
  assert not plan.folder.exists()
  run_array(plan, 3)  # The last one finds all examined, and goes on.
  assert '1 others are not yet, such as 1' in array_job.work(plan, 0, 3, map)
  with pytest.raises(spec.DataError, match='1 of 3 .* sampled .* shard 1'):
    array_job.merge(plan, 3)


def test_damaged_shards_are_named(tree, tmp_path):
  plan = preparation_plan.make(**options(tree, tmp_path / 'array'))
  run_array(plan, 2)
  stored = shard_files.ShardFiles(plan.folder, 2)
  path = stored.examined_path(1)
  whole = path.read_text()
  for text, words in (
      (whole[:-9], 'cannot be read'),
      (whole.replace('"size"', '"sise"', 1), 'do not hold'),
      ('[]', 'do not hold'),
  ):
    path.write_text(text)
    with pytest.raises(errors.UserError, match=words):
      array_job.work(plan, 0, 2, map)


def test_the_command_prepares_shard_by_shard(tree, tmp_path, capsys):
  command = ['prepare', 'casia1', str(tree), f'--out={tmp_path / "data"}']
  for _ in range(2):
    for i in range(2):
      assert cli.main([*command, f'--shard={i}/2', '--workers=1']) == 0
  assert 'merge' in capsys.readouterr().out
  assert cli.main([*command, '--merge=2']) == 0
  folder = capsys.readouterr().out.strip()
  # Neither has anything more to do.
  for more in (['--shard=0/2'], ['--merge=2'], []):
    assert cli.main([*command, *more]) == 0
    assert capsys.readouterr().out.strip() == folder


@pytest.mark.parametrize('shard', ['2/2', '0/0', '1', '-1/2', 'a/b', '1/2/3'])
def test_senseless_shards_are_refused(tree, shard, capsys):
  assert cli.main(['prepare', 'casia1', str(tree), f'--shard={shard}']) == 2
  assert 'not I/N' in capsys.readouterr().err


def test_shards_need_no_engine(tree, capsys):
  command = ['prepare', 'casia1', str(tree), '--shard=0/2', '--engine=ray']
  assert cli.main(command) == 2
  assert 'leave --engine out' in capsys.readouterr().err


def test_shards_are_not_merged_in_the_same_command(tree, capsys):
  command = ['prepare', 'casia1', str(tree), '--shard=0/2', '--merge=2']
  assert cli.main(command) == 2
  assert 'give one of them' in capsys.readouterr().err
