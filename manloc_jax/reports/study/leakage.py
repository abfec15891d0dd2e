"""Compares the paper's split by image with a split by photograph."""

from collections.abc import Iterator, Sequence
import pathlib

from manloc_jax import errors
from manloc_jax import files
from manloc_jax.reports import typeset
from manloc_jax.reports.study import claims
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import runs as runs_lib
from manloc_jax.reports.study import score_columns
from manloc_jax.reports.study import study as study_lib
from manloc_jax.reports.study import study_file

# `config.data.split_rule`: the paper's, whose test shows photographs that
# training has shown, and the one without these.
RULES = ('random', 'group')
SPLITS = ('test', 'test_grid')
# What the conclusion on NIST rests on.
_STANDIN = 'standin'
_CONCLUSION = score_columns.AUC_POOLED
_SCORES = (
    score_columns.AUC['patch'],
    score_columns.AUC_POOLED,
    score_columns.AUC_MEAN,
)
_NOTE = (
    'Means ± sample standard deviations over seeds, and the difference of both'
    ' rules with its 95 % confidence interval: a paired t interval where both'
    " ran with the same seeds, and Welch's otherwise. A seed is that of"
    ' network, split and patches, so that the interval covers which images are'
    ' tested. Networks, data and number of steps are the same for both rules.'
)


def gather(
    workdirs: Sequence[str],
    path: str | pathlib.Path,
    defines: study_file.StudyFile,
) -> pathlib.Path:
  """Gathers runs of both rules in one file.

  Args:
    workdirs: Folders of the runs.
    path: The JSON to write.
    defines: The study that the networks are of.

  Returns:
    Its path.

  Raises:
    UserError: A run has not been evaluated, or `collect` refuses the runs.
  """
  runs = [runs_lib.read(workdir, defines) for workdir in workdirs]
  content = collect(runs, defines)
  study_lib.write(path, content)
  return pathlib.Path(path)


def collect(
    runs: Sequence[runs_lib.Run], defines: study_file.StudyFile
) -> dict:
  """Gathers runs of the same networks with both rules.

  Args:
    runs: The runs.
    defines: The study that the networks are of.

  Returns:
    A study (`study.collect`) by rule.

  Raises:
    UserError: Runs have another rule, do not split anew with each seed, differ
      in more than seed and rule, or lack the other rule; or a study of one
      rule cannot be made.
  """
  by_rule: dict[str, list[runs_lib.Run]] = {rule: [] for rule in RULES}
  for run in runs:
    rule, seed = run.config['data.split_rule'], run.config['data.seed']
    if rule not in RULES or seed != run.config.get('seed'):
      raise errors.UserError(
          f'The run {str(run.path)!r} has the split rule {rule!r} and the'
          f' data.seed {seed}; expected one of {", ".join(RULES)}, and the seed'
          ' of the run: train it with configs/leakage.py.'
      )
    by_rule[rule].append(run)
  pairs = [
      {(run.dataset, run.system): run for run in group}
      for group in by_rule.values()
  ]
  for dataset, system in sorted(pairs[0].keys() ^ pairs[1].keys()):
    raise errors.UserError(
        f'The runs of {system} on {dataset} have one split rule; train it with'
        f' both, {" and ".join(RULES)}, or leave these runs out.'
    )
  for key, run in pairs[0].items():
    runs_lib.check_rules(run, pairs[1][key])
  return {
      rule: study_lib.collect(group, defines, own=runs_lib.RESPLIT)
      for rule, group in by_rule.items()
  }


def read(path: str | pathlib.Path) -> dict:
  """Reads what `gather` has written.

  Raises:
    UserError: The file is missing, or holds something else.
  """
  try:
    content = files.read_json(path)
    if content.keys() != set(RULES):
      raise ValueError(f'its rules are {", ".join(content)}')
    return content
  except (OSError, ValueError, AttributeError) as error:
    raise errors.UserError(
        f'{str(path)!r} holds no runs of both split rules ({error}); write it'
        ' with manloc report RUNS --leakage FILE.'
    ) from error


def table(content: dict) -> typeset.Table:
  """Makes a table with a row for each dataset, network, split and score.

  Args:
    content: What `collect` has returned.
  """
  rows: list[tuple[str, ...]] = []
  rules = []
  for dataset, entry in content[RULES[0]]['datasets'].items():
    rules.append(len(rows))
    for system in entry['systems']:
      rows += _rows(content, dataset, system)
  return typeset.Table(
      'leakage',
      'Split by image, as in the paper, and by photograph',
      (
          'Dataset',
          'System',
          'Seeds',
          'Scored on',
          'Score',
          'By image (`random`)',
          'By photograph (`group`)',
          'Difference [95 %]',
      ),
      tuple(rows),
      tuple(rules),
      (*_conclusions(content), _NOTE),
  )


def _rows(
    content: dict, dataset: str, system: str
) -> Iterator[tuple[str, ...]]:
  """Yields the cells of one network."""
  for split in SPLITS:
    for score in _SCORES:
      results = _results(content, dataset, system, split)
      if results and all(score.key in one['mean'] for one in results):
        seeds = _seeds(content, dataset, system)
        verdict = claims.judge_splits(results, seeds, score)
        yield (
            score_columns.title(dataset),
            score_columns.labels(content[RULES[0]])[system],
            ' and '.join(
                dict.fromkeys(', '.join(map(str, own)) for own in seeds)
            ),
            f'`{split}`',
            f'{paper.TASKS[score.task]}: {score.title}',
            *(score.over_seeds(one) for one in results),
            claims.form_difference(verdict, score),
        )


def _results(
    content: dict, dataset: str, system: str, split: str
) -> list[dict]:
  """Returns the scores of a split with each rule, where both have them."""
  found = [
      score_columns.find_split(content[rule], dataset, system, split)
      for rule in RULES
  ]
  return [one for one in found if one is not None and None not in found]


def _seeds(content: dict, dataset: str, system: str) -> list[list[int]]:
  return [
      content[rule]['datasets'][dataset]['systems'][system]['seeds']
      for rule in RULES
  ]


def _most(content: dict, verdict: claims.Verdict) -> str:
  """Says how large a gain from the paper's split these runs leave possible."""
  if verdict.interval is None:
    return ''
  config = content[RULES[0]]['datasets'][_STANDIN]['config']
  return (
      f' After {config["num_steps"]} steps of {config["batch_size"]} patches it'
      f' gained at most {_CONCLUSION.form(verdict.interval[1])}, by the'
      ' interval; longer training may learn photographs by heart.'
  )


def _conclusions(content: dict) -> list[str]:
  """Says what the stand-in tells of the published score on NIST, if it ran."""
  results = _results(content, _STANDIN, paper.JOINT, SPLITS[0])
  if not results:
    return []
  seeds = _seeds(content, _STANDIN, paper.JOINT)
  verdict = claims.judge_splits(results, seeds, _CONCLUSION)
  label = score_columns.labels(content[RULES[0]])[paper.JOINT]
  published = paper.PUBLISHED[_CONCLUSION.key][paper.JOINT]['nist16']
  by_image, by_photograph = map(_CONCLUSION.over_seeds, results)
  text = (
      f'On the stand-in of NIST the pooled pixel AUC of'
      f' {label} on `{SPLITS[0]}` is {by_image} where'
      f' images are split at random, as in the paper, and {by_photograph} on'
      ' photographs that training does not show, a difference of'
      f' {claims.form_difference(verdict, _CONCLUSION)}'
  )
  if verdict.verdict == claims.NOT_SETTLED:
    return [
        f'{text}, which settles nothing ({verdict.reason}): these runs do not'
        f' say whether the published pixel AUC on NIST, {published:.4f}, owes'
        f' anything to such a split.{_most(content, verdict)}'
    ]
  if verdict.verdict == claims.CONTRADICTED:
    return [
        f'{text}: nothing here says that the published pixel AUC on NIST,'
        f' {published:.4f}, owes anything to such a split.'
    ]
  return [
      f'{text}: the published pixel AUC on NIST, {published:.4f}, is of such a'
      ' split and likely too high for new photographs; were the difference as'
      f' large there, {published - verdict.difference:.2f} would remain, but'
      ' the forgeries here are not those of NIST, so that this is no estimate.'
  ]
