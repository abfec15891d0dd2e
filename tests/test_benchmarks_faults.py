"""Runs that are broken on purpose: what counts as lost, and one that is hit."""

import collections

import pytest

from manloc_jax.benchmarks import broken_runs
from manloc_jax.benchmarks import faults


def test_all_kinds_are_drawn_equally_often_and_again_the_same():
  kinds = list(broken_runs.KINDS)
  cases = faults.draw(10, 3, kinds)
  assert cases == faults.draw(10, 3, kinds) != faults.draw(10, 4, kinds)
  assert set(collections.Counter(x.kind for x in cases).values()) == {2}
  assert all(0 <= case.moment < 1 for case in cases)


@pytest.mark.parametrize(
    ('kind', 'code', 'sentence', 'is_traceback', 'expected'),
    [
        ('kill', -9, '', False, True),
        ('shard', -9, '', False, False),
        ('shard', 0, 'step 30/30', False, True),
        ('shard', 2, 'The shard is damaged.', False, True),
        ('term', 75, 'Preempted.', False, True),
        ('disk', 2, 'step 12/30', False, False),
        ('disk', 1, 'OSError: [Errno 28]', True, False),
        ('term', -6, 'Aborted.', False, False),
    ],
)
def test_an_end_without_a_sentence_is_not_explained(
    kind, code, sentence, is_traceback, expected
):
  end = broken_runs.End(code, sentence, is_traceback, 1.0)
  assert broken_runs.is_explained(faults.Case(kind, 0.5), end) == expected


def test_the_table_has_a_row_for_each_kind():
  row = {'kind': 'kill', 'faults': 20, 'finished': 3, 'stopped': 0}
  row |= {'killed': 17, 'same': 20, 'lost': 0}
  text = faults.lines({'rows': [row], 'device': 'some CPU'})
  assert text[-1].split() == ['SIGKILL', '20', '3', '0', '17', '20', '0']


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_to_the_same_end(tmp_path):
  (tmp_path / 'runs').mkdir()
  runs = broken_runs.Runs(tmp_path / 'runs', tmp_path / 'log')
  (row,) = faults.break_runs(runs, [faults.Case('kill', 0.7)])
  assert row['faults'] == row['same'] == 1 and row['lost'] == 0
