"""Verdicts on the paper's claims."""

import functools
import math
import statistics

import pytest
import studies
from studies import markdown
from studies import write_run

from manloc_jax.reports.study import claims
from manloc_jax.reports.study import paper


def seeds(*values: float, first: int = 0) -> dict[int, float]:
  return dict(enumerate(values, first))


BASELINE = (0.5, 0.5)


def test_paired_differences_confirm_and_contradict():
  # Each seed gains, though the seeds error wider than the gain.
  better, worse = seeds(0.62, 0.72, 0.82), seeds(0.60, 0.70, 0.81)
  verdict = claims.judge(better, worse, baselines=BASELINE)
  assert verdict.verdict == claims.CONFIRMED
  verdict = claims.judge(worse, better, baselines=BASELINE)
  assert verdict.verdict == claims.CONTRADICTED
  assert verdict.difference == pytest.approx(-0.05 / 3)
  # By hand: t of 97.5 % with two degrees of freedom is 4.302653.
  error = statistics.stdev([0.02, 0.02, 0.01]) / math.sqrt(3)
  assert verdict.interval == pytest.approx((
      -0.05 / 3 - 4.302653 * error,
      -0.05 / 3 + 4.302653 * error,
  ))


def test_other_seeds_are_compared_by_welch():
  first, second = seeds(0.62, 0.72, 0.82), seeds(0.60, 0.70, 0.81, first=3)
  verdict = claims.judge(first, second, baselines=BASELINE)
  assert verdict.verdict == claims.NOT_SETTLED
  assert verdict.reason.startswith('the interval holds 0')
  # Equal variances and sizes: t of 97.5 % with almost four is 2.776.
  error = math.sqrt(
      sum(statistics.variance(x.values()) / 3 for x in (first, second))
  )
  assert verdict.interval[1] - verdict.difference == pytest.approx(
      2.776 * error, rel=1e-2
  )


def test_one_seed_settles_nothing():
  verdict = claims.judge(seeds(0.9), seeds(0.6), baselines=BASELINE)
  assert (verdict.verdict, verdict.interval) == (claims.NOT_SETTLED, None)
  assert verdict.reason == 'one seed'


def test_scores_no_better_than_baselines_settle_nothing():
  better, worse = seeds(0.60, 0.61, 0.60), seeds(0.50, 0.51, 0.51)
  verdict = claims.judge(better, worse, baselines=BASELINE)
  assert verdict.verdict == claims.CONFIRMED
  verdict = claims.judge(better, worse, baselines=(0.7, 0.5))
  assert verdict.verdict == claims.NOT_SETTLED
  assert verdict.reason == 'neither beats the baselines'
  # It is the higher one that has to: the other is better here.
  verdict = claims.judge(worse, better, baselines=(0.7, 0.5))
  assert verdict.verdict == claims.CONTRADICTED


def test_an_interval_below_the_published_difference_says_so():
  better, worse = seeds(0.71, 0.70, 0.72), seeds(0.70, 0.71, 0.71)
  judge = functools.partial(claims.judge, better, worse)
  # By hand: a mean of 1/300 and an error of 1/150 give an upper end of .032.
  verdict = judge(baselines=BASELINE, published=0.04)
  assert verdict.interval[1] == pytest.approx(1 / 300 + 4.302653 / 150)
  assert verdict.verdict == claims.SMALLER
  assert verdict.reason.startswith('the interval holds 0')
  verdict = judge(baselines=BASELINE, published=0.03)
  assert verdict.verdict == claims.NOT_SETTLED
  # Systems that learn nothing say nothing of its size.
  verdict = judge(baselines=(0.8, 0.8), published=0.04)
  assert verdict.verdict == claims.NOT_SETTLED


def test_equal_scores_have_an_interval_of_one_point():
  assert claims.interval(seeds(0.75, 0.75), seeds(0.5, 0.5)) == (0.25, 0.25)
  verdict = claims.judge(
      seeds(0.75, 0.75), seeds(0.75, 0.75), baselines=BASELINE
  )
  assert verdict.verdict == claims.NOT_SETTLED


def test_claims_have_lines_with_numbers_and_verdict(members):
  text = markdown(studies.collect(members), 'claims')
  assert (
      '| Joint learning helps: J-Conv-LSTM-Conv over P-Conv-LSTM | NIST |'
      ' Patches: accuracy | 81.00 ± 1.00 | 70.33 ± 0.58 | +10.67'
  ) in text
  assert '| +2.62 | confirmed |' in text
  assert '| – | – | – | – | – | – | not settled: not run |' in text
  assert '2 confirmed' in text


def test_published_differences_are_compared_in_the_same_units(tmp_path):
  runs = [
      write_run(tmp_path, system, seed, 0.8 + deviation)
      for system, deviations in (
          (paper.JOINT, (0.0, 0.01, 0.02)),
          ('conv1-8f', (0.01, 0.0, 0.02)),
          ('fcn', (0.0, 0.3, 0.0)),
      )
      for seed, deviation in enumerate(deviations)
  ]
  lines = markdown(studies.collect(runs), 'claims').splitlines()
  (line,) = (x for x in lines if 'beat 8' in x and 'Patches: accuracy' in x)
  assert '| +6.48 | smaller than published: the interval holds 0' in line
  # An interval of some fifty points holds the paper's difference.
  head = '| FCN is worst: J-Conv-LSTM-Conv over FCN | NIST | Pixels: accuracy'
  (line,) = (x for x in lines if x.startswith(head))
  assert '| +20.26 | not settled' in line


def test_label_thresholds_are_judged_on_common_pixels(tmp_path):
  content = studies.collect([
      write_run(tmp_path, system, seed, quality + 0.001 * seed)
      for seed in (0, 1, 2)
      for system, quality in ((paper.JOINT, 0.8), ('iou-0.5', 0.7))
  ])
  text = markdown(content, 'claims')
  assert 'Pixels: AUC (test_grid)' in text
  assert all(
      '(test_grid)' in line
      for line in text.splitlines()
      if 'pixels lose' in line
  )


def test_seeds_that_would_settle_a_difference_are_estimated():
  # By hand: with mean .01 and deviation .01, t(.975, n - 1) / sqrt(n) falls
  # below 1 between n = 6 (1.049) and n = 7 (.925).
  zero = seeds(0.5, 0.5, 0.5)
  assert claims.seeds_to_settle(seeds(0.50, 0.51, 0.52), zero) == 7
  # Apart, the variance is the sum of both, here that of the first alone.
  apart = dict(zip((7, 8, 9), zero.values(), strict=True))
  assert claims.seeds_to_settle(seeds(0.50, 0.51, 0.52), apart) == 6
  assert claims.seeds_to_settle(seeds(0.5, 0.6, 0.4), zero) is None
  verdict = claims.judge(seeds(0.7, 0.8, 0.6), seeds(0.7, 0.7, 0.7),
                         baselines=BASELINE)
  assert verdict.reason.endswith('more than 100 seeds would be needed')
