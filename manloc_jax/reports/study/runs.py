"""Reads runs of a study and checks that they are comparable."""

from collections.abc import Collection
import dataclasses
import pathlib
from typing import Any

from manloc_jax import errors
from manloc_jax import run_config
from manloc_jax.reports import run_results
from manloc_jax.reports.study import study_file

# Config fields in which comparable runs may differ.
OWN = ('seed', 'system')
# And where each seed splits the images anew.
RESPLIT = (*OWN, 'data.seed')


@dataclasses.dataclass(frozen=True)
class Run:
  """A finished run, of a network, a classical method or the fusion.

  Attributes:
    path: Its folder.
    results: The JSON of each split.
    config: Fields by dotted name, without those that no score depends on.
      `train.init_from` only tells whether there is such a run. Only networks
      have a seed and a system.
  """

  path: pathlib.Path
  results: dict[str, dict]
  config: dict[str, Any]

  @property
  def method(self) -> str:
    return self.config.get('method', run_config.NETWORK)

  @property
  def training(self) -> dict[str, Any]:
    """The data and the seed that the weights of a fusion were trained with."""
    return self.first['detector']['training']

  @property
  def system(self) -> str:
    return self.config['system']

  @property
  def dataset(self) -> str:
    return self.config['data.name']

  @property
  def seed(self) -> int:
    return self.config['seed']

  @property
  def shared(self) -> dict[str, Any]:
    """Its config without the fields in which comparable runs may differ."""
    return {k: v for k, v in self.config.items() if k not in OWN}

  @property
  def first(self) -> dict:
    """The result of one split, for fields that are the same in all."""
    return next(iter(self.results.values()))


def read(
    workdir: str | pathlib.Path, defines: study_file.StudyFile
) -> Run:
  """Reads the results of a run of a study's system or of a method.

  Args:
    workdir: The run's folder.
    defines: The study.

  Raises:
    UserError: It has not been evaluated, or is of no system of the study.
  """
  run = read_any(workdir)
  if run.method != run_config.NETWORK:
    return run
  systems = defines.defined.labels
  if run.config.get('system') not in systems:
    raise errors.UserError(
        f'The run {str(workdir)!r} is of the system'
        f' {run.config.get("system")!r}; {defines.path} knows'
        f' {", ".join(systems)}: leave that run out, or name its study with'
        ' --defined_by.'
    )
  for key, expected in defines.expected(run.dataset, run.system).items():
    if run.config.get(key) != expected:
      raise errors.UserError(
          f'The run {str(workdir)!r} is called {run.system}, but its {key} is'
          f' {run.config.get(key)!r}; train it with {expected!r}, as'
          f' {defines.path} does for {run.dataset}.'
      )
  return run


def read_any(workdir: str | pathlib.Path) -> Run:
  """Reads the results of a run, of any system.

  Args:
    workdir: The run's folder.

  Raises:
    UserError: It has not been evaluated.
  """
  workdir = pathlib.Path(workdir)
  results = run_results.read_results(workdir)
  config = run_config.flatten(next(iter(results.values()))['config'])
  if config.get('method', run_config.NETWORK) != run_config.NETWORK:
    return Run(workdir, results, config)
  without_effect = run_results.WITHOUT_EFFECT
  kept = {k: v for k, v in config.items() if k not in without_effect}
  # Each seed starts from a run of its own, in another folder.
  kept['train.init_from'] = bool(config.get('train.init_from'))
  return Run(workdir, results, kept)


def check_seeds(runs: list[Run], own: Collection[str] = OWN) -> None:
  """Raises UserError unless runs of a system differ in `own` fields alone."""
  first = runs[0]
  seeds = [run.seed for run in runs]
  twice = [run for run in runs if seeds.count(run.seed) > 1]
  if twice:
    raise errors.UserError(
        f'The runs {[str(run.path) for run in twice]} are all of'
        f' {first.system} on {first.dataset} with seed {twice[0].seed}; leave'
        ' out all but one of each seed.'
    )
  for run in runs[1:]:
    _refuse(first, run, _differing(first, run, own), 'their seed')


def check_methods(
    classical: list[Run], fusions: list[Run], networks: list[Run]
) -> None:
  """Raises UserError unless all were scored on the same images, each once.

  Args:
    classical: Runs of classical methods on a dataset.
    fusions: Runs of the fusion on it.
    networks: Runs of networks on it.
  """
  known = [(run.training['data'], run.training['seed']) for run in fusions]
  for i, run in enumerate(fusions):
    if known[i] in known[:i]:
      raise errors.UserError(
          f'The run {str(run.path)!r} is one more of the fusion trained on'
          f' {known[i][0]} with seed {known[i][1]}; leave out all but one.'
      )
  for i, run in enumerate(classical):
    if run.method in [other.method for other in classical[:i]]:
      raise errors.UserError(
          f'The run {str(run.path)!r} is one more of {run.method} on'
          f' {run.dataset}; leave out all but one.'
      )
  for run in fusions:
    check_training(run.first['detector'], run.dataset, run.first['prepared'])
  everyone = [*classical, *fusions, *networks]
  for run in everyone:
    if run.first['prepared'] != everyone[0].first['prepared']:
      raise errors.UserError(
          f'The runs {str(everyone[0].path)!r} and {str(run.path)!r} were'
          ' scored on different images of train, val and test; study runs of'
          ' one split.'
      )


def check_training(
    provenance: dict[str, Any], dataset: str, split_digest: str
) -> None:
  """Raises UserError where a fusion may have trained on its test images.

  Args:
    provenance: Of the fusion's weights, with `training`.
    dataset: Name of the set that it is scored on.
    split_digest: Of that set.
  """
  training = provenance['training']
  if training['data'] == dataset and training['split_digest'] != split_digest:
    raise errors.UserError(
        f'The fusion was trained on {dataset}, split in another way, so that'
        ' test images may be among those of its training; use the same'
        ' --config.data.split_rule, seed and fractions for both.'
    )


def check_systems(
    reference: Run, run: Run, defines: study_file.StudyFile
) -> None:
  """Raises UserError where systems differ in more than what defines them."""
  changes = defines.changes
  free = (*OWN, *changes[reference.system], *changes[run.system])
  allowed = 'what makes them different systems'
  _refuse(reference, run, _differing(reference, run, free), allowed)


def check_rules(one: Run, other: Run) -> None:
  """Raises UserError where runs differ in more than seed and split."""
  free = (*RESPLIT, 'data.split_rule')
  allowed = 'their seed and split'
  _refuse(one, other, _differing(one, other, free), allowed)


def _differing(one: Run, other: Run, free: Collection[str]) -> dict:
  """Returns what runs differ in, by name: config, images or test patches."""
  facts = []
  # Whole images are scored on demand.
  splits = [split for split in one.results if split in other.results]
  for run in (one, other):
    rows = {}
    if 'data.seed' not in free:  # Otherwise each has a split of its own.
      rows['images of train, val and test'] = run.first['prepared']
      if 'data.sampler.label_threshold' not in free:
        rows |= {
            f'patches of {split}': run.results[split]['counts']
            for split in splits
        }
    kept = {k: v for k, v in run.config.items() if k not in free}
    facts.append({**kept, **rows})
  keys = [*facts[0], *(key for key in facts[1] if key not in facts[0])]
  pairs = {key: [fact.get(key) for fact in facts] for key in keys}
  return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _refuse(one: Run, other: Run, differing: dict, allowed: str) -> None:
  if not differing:
    return
  shown = ', '.join(
      f'{key} ({here!r} and {there!r})'
      for key, (here, there) in list(differing.items())[:3]
  )
  more = f' and {len(differing) - 3} more' if len(differing) > 3 else ''
  raise errors.UserError(
      f'The runs {str(one.path)!r} and {str(other.path)!r} differ in more than'
      f' {allowed}: {shown}{more}; study runs of one protocol.'
  )
