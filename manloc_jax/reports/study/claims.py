"""Tests the claims of a study with the scores of several seeds."""

import collections
from collections.abc import Mapping, Sequence
import dataclasses
import math
import statistics

from manloc_jax.reports import typeset
from manloc_jax.reports.study import definition
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import score_columns

CONFIRMED = 'confirmed'
CONTRADICTED = 'contradicted'
NOT_SETTLED = 'not settled'
SMALLER = 'smaller than published'
MOST_SEEDS = 100  # That an estimate names.
RULE = (
    'A claim is confirmed where the 95 % confidence interval of the difference'
    ' of means over seeds lies above zero, and contradicted where it lies'
    ' below: a paired t interval where both systems ran with the same seeds,'
    " and Welch's otherwise. It is not settled where zero is inside, where a"
    ' system has one seed, or where the higher of both means is not above'
    ' every constant or trivial baseline. Where zero is inside and that mean'
    ' is above them, the verdict is "smaller than published" if the interval'
    ' lies below each difference that the paper publishes for the pair, on any'
    ' dataset: there may be an effect, but none of that size here. How many'
    ' seeds would settle it is an estimate from the present difference and'
    ' variance. Nothing corrects for the number of lines: of 20 without any'
    ' effect, one would be settled by chance. The interval is that of seeds'
    ' alone: the images and their split stay the same.'
)


@dataclasses.dataclass(frozen=True)
class Verdict:
  """The verdict on a claim that one system scores above another.

  Attributes:
    verdict: `CONFIRMED`, `CONTRADICTED`, `SMALLER` or `NOT_SETTLED`.
    reason: Why it is neither confirmed nor contradicted; otherwise empty.
    difference: Of the means, the better one by the claim first.
    interval: Its 95 % confidence interval; None with a single seed.
  """

  verdict: str
  reason: str
  difference: float
  interval: tuple[float, float] | None


def judge(
    better: Mapping[int, float],
    worse: Mapping[int, float],
    *,
    baselines: tuple[float, float],
    published: float | None = None,
) -> Verdict:
  """Judges a claim by `RULE`.

  Args:
    better: Scores by seed of the system that is said to score higher.
    worse: Those of the other.
    baselines: For either system, the best score on its rows of constant or
      trivial baselines.
    published: The smallest difference that the paper publishes for the two
      systems; None if it publishes none.

  Returns:
    The verdict, by `RULE`.
  """
  means = [statistics.fmean(scores.values()) for scores in (better, worse)]
  difference = means[0] - means[1]
  ends = interval(better, worse)
  beats_baselines = means[difference < 0] > baselines[difference < 0]
  if ends is None:
    verdict, reason = NOT_SETTLED, 'one seed'
  elif ends[0] <= 0 <= ends[1]:
    is_smaller = published is not None and ends[1] < published
    verdict = SMALLER if is_smaller and beats_baselines else NOT_SETTLED
    reason = f'the interval holds 0; {_needed(better, worse)}'
  elif not beats_baselines:
    verdict, reason = NOT_SETTLED, 'neither beats the baselines'
  else:
    verdict, reason = CONFIRMED if difference > 0 else CONTRADICTED, ''
  return Verdict(verdict, reason, difference, ends)


def seeds_to_settle(
    first: Mapping[int, float], second: Mapping[int, float]
) -> int | None:
  """Estimates how many seeds would settle a difference of the present size.

  With that many, an interval around the present difference with the present
  variance would not hold 0. Half of all repetitions would still miss it.

  Args:
    first: Scores by seed, at least two.
    second: The same of the other system; with the same seeds they are paired.

  Returns:
    The number, or None where it is above `MOST_SEEDS`.
  """
  from scipy import stats

  if first.keys() == second.keys():
    differences = [first[seed] - second[seed] for seed in first]
    mean, variance = statistics.fmean(differences), statistics.variance(
        differences
    )
    freedom = lambda n: n - 1
  else:
    samples = [list(first.values()), list(second.values())]
    mean = statistics.fmean(samples[0]) - statistics.fmean(samples[1])
    variance = sum(map(statistics.variance, samples))
    freedom = lambda n: 2 * n - 2
  for n in range(2, MOST_SEEDS + 1):
    if stats.t.ppf(0.975, freedom(n)) * math.sqrt(variance / n) < abs(mean):
      return n
  return None


def _needed(first: Mapping[int, float], second: Mapping[int, float]) -> str:
  seeds = seeds_to_settle(first, second)
  if seeds is None:
    return f'more than {MOST_SEEDS} seeds would be needed'
  return f'about {seeds} seeds would settle it'


def interval(
    first: Mapping[int, float], second: Mapping[int, float]
) -> tuple[float, float] | None:
  """Returns the 95 % confidence interval of a difference of means.

  Args:
    first: Scores by seed.
    second: Scores by seed, to be subtracted. With the same seeds they are
      paired; otherwise the interval is Welch's.

  Returns:
    Both ends, or None where either has a single seed.
  """
  # Imported here: it takes a moment that no other report waits for.
  from scipy import stats

  if min(len(first), len(second)) < 2:
    return None
  if first.keys() == second.keys():
    differences = [first[seed] - second[seed] for seed in first]
    mean = statistics.fmean(differences)
    variances = [statistics.variance(differences) / len(differences)]
    freedoms = [len(differences) - 1]
  else:
    samples = [list(first.values()), list(second.values())]
    mean = statistics.fmean(samples[0]) - statistics.fmean(samples[1])
    variances = [statistics.variance(x) / len(x) for x in samples]
    freedoms = [len(x) - 1 for x in samples]
  variance = sum(variances)
  if not variance:
    return mean, mean
  # Welch and Satterthwaite; with one sample of differences it is n - 1.
  freedom = variance**2 / sum(
      v**2 / n for v, n in zip(variances, freedoms, strict=True)
  )
  low, high = stats.t.interval(0.95, freedom, mean, math.sqrt(variance))
  return float(low), float(high)


def table(study: dict, run_only: bool = False) -> typeset.Table:
  """Makes a table with a line for each claim, dataset and score.

  Args:
    study: A study.
    run_only: Whether claims that no run speaks of have no lines.
  """
  labels = score_columns.labels(study)
  rows = []
  for claim in definition.from_json(study['definition']).claims:
    lines = [
        line
        for dataset in study['datasets']
        for score in claim.scores
        if (line := _line(study, claim, dataset, score_columns.SCORES[score]))
    ]
    if not lines and not run_only:
      lines = [(*[score_columns.DASH] * 6, f'{NOT_SETTLED}: not run')]
    head = f'{claim.text}: {labels[claim.better]} over {labels[claim.worse]}'
    rows += [(head, *line) for line in lines]
  tally = collections.Counter(row[-1].split(':')[0] for row in rows)
  summary = ', '.join(f'{count} {name}' for name, count in tally.items())
  return typeset.Table(
      'claims',
      'Claims',
      (
          'Claim',
          'Dataset',
          'Score',
          'Higher by the claim',
          'Lower by the claim',
          'Difference [95 %]',
          "Paper's difference",
          'Verdict',
      ),
      tuple(rows),
      notes=(f'Of {len(rows)} lines: {summary}.', RULE),
  )


def _line(
    study: dict,
    claim: definition.Claim,
    dataset: str,
    score: score_columns.Score,
) -> tuple[str, ...] | None:
  """Cells of a claim from the dataset on; None where a system has not run."""
  pair = (claim.better, claim.worse)
  known = [
      score_columns.find_split(study, dataset, system, claim.split)
      for system in pair
  ]
  splits = [split for split in known if split is not None]
  if len(splits) < 2 or any(score.key not in x['mean'] for x in splits):
    return None
  systems = study['datasets'][dataset]['systems']
  seeds = [systems[name]['seeds'] for name in pair]
  published = _published_differences(pair, score)
  least = min(published.values(), default=None)
  verdict = judge_splits(splits, seeds, score, least)
  return (
      score_columns.title(dataset),
      f'{paper.TASKS[score.task]}: {score.title}'
      + (f' ({claim.split})' if claim.split != 'test' else ''),
      *(score.over_seeds(split) for split in splits),
      form_difference(verdict, score),
      _form_published(published, dataset, score),
      ': '.join(filter(None, (verdict.verdict, verdict.reason))),
  )


def _published_differences(
    pair: tuple[str, str], score: score_columns.Score
) -> dict[str, float]:
  """Returns the paper's differences of two systems by dataset, as ours."""
  better, worse = (paper.PUBLISHED.get(score.key, {}).get(x, {}) for x in pair)
  unit = 0.01 if score.percent else 1.0
  return {
      dataset: unit * (better[dataset] - worse[dataset])
      for dataset in better
      if dataset in worse
  }


def _form_published(
    published: Mapping[str, float], dataset: str, score: score_columns.Score
) -> str:
  """Formats the paper's difference there, or else the smallest elsewhere."""
  if not published:
    return score_columns.DASH
  if dataset in published:
    return _signed(published[dataset], score)
  least = min(published, key=lambda name: published[name])
  name = score_columns.title(least)
  return f'{_signed(published[least], score)} on {name}'


def judge_splits(
    splits: Sequence[dict],
    seeds: Sequence[Sequence[int]],
    score: score_columns.Score,
    published: float | None = None,
) -> Verdict:
  """Judges the claim that one score of a study is above another.

  Args:
    splits: Results of a split in a study, the better by the claim first.
    seeds: The seeds of both.
    score: Which score.
    published: See `judge`.

  Returns:
    The verdict, by `RULE`.
  """
  by_seed = [
      dict(zip(own, split['scores'][score.key], strict=True))
      for own, split in zip(seeds, splits, strict=True)
  ]
  best = [
      max(
          row.get(score.baseline, score.chance)
          for row in split['trivial'].values()
      )
      for split in splits
  ]
  return judge(
      *by_seed, baselines=(best[0], best[1]), published=published
  )


def form_difference(verdict: Verdict, score: score_columns.Score) -> str:
  """Formats the difference of a verdict with its interval."""
  text = _signed(verdict.difference, score)
  if verdict.interval:
    low, high = (_signed(end, score) for end in verdict.interval)
    text += f' [{low}, {high}]'
  return text


def _signed(difference: float, score: score_columns.Score) -> str:
  return ('+' if difference >= 0 else '') + score.form(difference)
