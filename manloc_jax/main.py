r"""Runs an experiment: prepare, train, evaluate, report, robustness.

  python -m manloc_jax.main --config=configs/demo.py
  python -m manloc_jax.main --config=configs/casia.py --config.data.root=...

Each stage is skipped when it is done; a run that was killed continues.
`--mode=robustness` scores a finished run on degraded test images, and
`--config.method=ela` a classical method on the whole images of the test split.
`--distributed` makes one run of several processes; see docs/cluster.md.
"""

import contextlib
import os
import pathlib
import re
import signal
import sys
from typing import Any, TYPE_CHECKING

if __name__ == '__main__' and (
    signal.getsignal(signal.SIGINT) is signal.default_int_handler
):
  # Ctrl-C during the imports ends the process without a traceback; later it is
  # handled by `run`.
  signal.signal(signal.SIGINT, signal.SIG_DFL)

from absl import flags
from absl import logging
import ml_collections

from manloc_jax import errors
from manloc_jax import run_config
from manloc_jax.commands import config_files
from manloc_jax.commands import distributed
from manloc_jax.commands import flag_commands
from manloc_jax.commands import preparation
from manloc_jax.commands import preparation_flags
from manloc_jax.training import save_messages
from manloc_jax.training import startup_timer

if TYPE_CHECKING:
  from manloc_jax.data.storage.prepared_set import PreparedSet

_TIMER = startup_timer.StageTimer('imports', startup_timer.process_start())

# JAX, TensorFlow and what needs them are imported where they are used: the
# worker processes that prepare data import this module again.

_CONFIG = config_files.define_flag()
_WORKDIR = flags.DEFINE_string(
    'workdir',
    None,
    'Output folder; default runs/<name of the config file>, with its argument,'
    ' another dataset and a classical method after hyphens.',
)
_EXTEND = flags.DEFINE_bool(
    'extend',
    False,
    'Goes on with a run, finished or not, from its last checkpoint with another'
    ' num_steps or optim; its history.json keeps the settings before.',
)
_MODE = flags.DEFINE_enum(
    'mode',
    'all',
    ['all', 'prepare', 'train', 'evaluate', 'report', 'robustness'],
    'Which stage to run; `all` runs those that are not done, except'
    ' `robustness`.',
)
_DISTRIBUTED = distributed.define_flags()


def main(argv: list[str]) -> None:
  """Runs the stages that `--mode` names."""
  if len(argv) > 1:
    raise errors.UserError(
        f'The arguments {argv[1:]} belong to no option; see --help.'
    )
  mode, workdir = _MODE.value, _WORKDIR.value or _default_workdir()
  if mode == 'report':
    _report(workdir)
    return
  from manloc_jax.training import sharding

  sharding.enable_compilation_cache()
  distributed.share(
      _DISTRIBUTED, lambda: _work(_CONFIG.value, mode, workdir)
  )


def _work(config: ml_collections.ConfigDict, mode: str, workdir: str) -> None:
  """Runs the stages in this process, or its share of them."""
  from manloc_jax.commands import config_checks
  from manloc_jax.training import processes
  from manloc_jax.training import run_lock

  _TIMER.begin('settings and set')
  config_checks.check(config, mode)
  if _EXTEND.value:
    config_checks.check_extends(config.method, mode)
  _check_root(config.data)
  if mode == 'prepare':
    where = preparation_flags.values()
    done = _prepare_files(config.data, **where)
    _say(done if where['shard'] else f'Prepared set: {done}')
    return
  preparation_flags.check_unused()
  with contextlib.ExitStack() as stack:
    with processes.first_before_others():
      _check_workdir(workdir, config.method, mode)
      if processes.is_first():  # For all of them.
        stack.enter_context(run_lock.hold(workdir))
    _run_stages(config, mode, workdir)


def _say(text: str) -> None:
  """Prints what all processes find out, once."""
  from manloc_jax.training import processes

  if processes.is_first():
    print(text)


def _run_stages(
    config: ml_collections.ConfigDict, mode: str, workdir: str
) -> None:
  """Prepares the set, trains, evaluates and reports, as far as asked for."""
  from manloc_jax.training import processes

  prepared = _prepare(config.data)
  _say(f'Prepared set: {prepared.folder}')
  is_network = config.method == run_config.NETWORK
  if mode in ('all', 'train') and is_network:
    _train(config, prepared, workdir)
  processes.handle_sigterm_again()
  if mode in ('all', 'evaluate'):
    evaluate = _evaluate if is_network else _evaluate_method
    evaluate(config, prepared, workdir)
  if mode == 'robustness':
    _robustness(config, prepared, workdir)
  if mode in ('all', 'evaluate') and processes.is_first():
    _report(workdir)


def _check_root(data: ml_collections.ConfigDict) -> None:
  """Raises UserError unless a folder of images is named."""
  from manloc_jax.data import datasets

  if not data.root:
    layout = datasets.get(data.name).layout
    raise errors.UserError(
        f'The dataset {data.name} has no folder: {layout}; set'
        ' --config.data.root=<root>.'
    )


def _check_workdir(workdir: str, method: str, mode: str) -> None:
  """Makes the run's folder, or checks that there is a run to evaluate.

  Raises:
    UserError: It cannot be written, or there is no run to evaluate.
  """
  from manloc_jax.data.storage import folders

  if method == run_config.NETWORK and mode in ('evaluate', 'robustness'):
    run_config.read(workdir)
  folders.make_writable(workdir, '--workdir')


def _prepare(data: ml_collections.ConfigDict) -> 'PreparedSet':
  """Prepares the set where it is missing, and opens it."""
  from manloc_jax.data.storage import prepared_set

  return prepared_set.PreparedSet.open(_prepare_files(data))


def _prepare_files(data: ml_collections.ConfigDict, **where: Any) -> str:
  """Prepares the set; see `preparation.prepare`, also for `where`."""
  from manloc_jax.training import processes

  with processes.first_before_others():
    if data.name in ('synthetic', 'dial') and 'forge' in data:
      _forge(data)
    return preparation.prepare(preparation.options_of(data), **where)


def _forge(data: ml_collections.ConfigDict) -> None:
  """Forges the images of a data set where they are missing."""
  from manloc_jax.data.forge import tree

  _, left_out = tree.make(
      data.root,
      [data.photographs] if data.photographs else [],
      seed=data.seed,
      fractions=data.fractions,
      **data.forge,
  )
  for reason in left_out:
    print(f'Left out: {reason}')


def _train(config, prepared: 'PreparedSet', workdir: str) -> None:
  """Trains to the end."""
  _TIMER.begin('imports')
  from manloc_jax.training import extension
  from manloc_jax.training import processes
  from manloc_jax.training import sharding
  from manloc_jax.training import train

  _TIMER.begin('restore')
  with processes.first_before_others():
    if _EXTEND.value:
      extension.extend(workdir, config)
    run_config.write_or_check(workdir, config, prepared.digest)
  mesh = sharding.make_mesh()
  train.train(config, prepared, workdir, mesh, _TIMER)


def _evaluate(config, prepared: 'PreparedSet', workdir: str) -> None:
  """Scores a trained network on the splits of `eval.splits`."""
  from manloc_jax.data.storage import manifest
  from manloc_jax.evaluation import images as image_evaluation
  from manloc_jax.evaluation import patches as patch_evaluation
  from manloc_jax.localization import network
  from manloc_jax.training import sharding

  run_config.check_same(workdir, config, prepared.digest)
  mesh = sharding.make_mesh()
  written = patch_evaluation.evaluate(config, prepared, workdir, mesh)
  if not manifest.WHOLE_IMAGES.keys().isdisjoint(config.eval.splits):
    # The threshold only makes masks: scores do not depend on it.
    localizer = network.NetworkLocalizer.from_run(workdir, threshold=0.5)
    written += image_evaluation.evaluate(config, prepared, workdir, localizer)
  for path in written:
    _say(f'Scores: {path}')


def _evaluate_method(config, prepared: 'PreparedSet', workdir: str) -> None:
  """Scores a classical method or the fusion on whole images."""
  from manloc_jax.evaluation import images as image_evaluation
  from manloc_jax.localization import factory
  from manloc_jax.reports.study import runs
  from manloc_jax.training import processes

  with processes.first_before_others():
    run_config.write_or_check(workdir, config, prepared.digest)
  localizer = factory.make(config.method, config.fusion)
  if config.method == run_config.FUSION:
    runs.check_training(localizer.provenance, config.data.name, prepared.digest)
  for path in image_evaluation.evaluate(config, prepared, workdir, localizer):
    _say(f'Scores: {path}')


def _robustness(config, prepared: 'PreparedSet', workdir: str) -> None:
  """Scores a trained network on degraded test images."""
  from manloc_jax.evaluation import robustness
  from manloc_jax.reports import report
  from manloc_jax.training import processes
  from manloc_jax.training import sharding

  run_config.check_same(workdir, config, prepared.digest)
  mesh = sharding.make_mesh()
  path = robustness.robustness(config, prepared, workdir, mesh)
  if processes.is_first():
    print('\n'.join(report.robustness(workdir)))
    print(f'Scores: {path}; the figure is in {workdir}/figures.')


def _report(workdir: str) -> None:
  """Writes the report of the run, and prints it."""
  from manloc_jax.reports import report

  path = report.report(workdir)
  print(path.read_text())
  print(f'Report and figures: {path}')


def _default_workdir() -> str:
  file, *arguments = config_files.file_and_argument()
  names = [pathlib.Path(file).stem, *arguments]
  if 'data.name' in config_files.overridden():
    names.append(_CONFIG.value.data.name)
  name = re.sub(r'[^\w.+-]+', '-', '-'.join(names))
  # A config without a method is refused later, by `config_checks`.
  method = _CONFIG.value.get('method', run_config.NETWORK)
  if method != run_config.NETWORK:
    name += f'-{method}'
  return os.path.join('runs', name)


def _advised_main(argv: list[str]) -> None:
  """Runs `main`; errors of the system name the flags to check.

  Raises:
    UserError: The disk is full, or a file cannot be read or written.
  """
  try:
    main(argv)
  except errors.UserError:
    raise
  except Exception as error:
    if errors.is_disk_full(error):
      raise _full_disk() from error
    if not isinstance(error, OSError) or not error.filename:
      raise
    raise errors.UserError(
        f'{error.filename}: {error.strerror}; check --workdir,'
        ' --config.data.root and --config.data.prepared.'
    ) from error


def _full_disk() -> errors.UserError:
  from manloc_jax.training import checkpoint

  workdir = _WORKDIR.value or _default_workdir()
  checkpoint.remove_unfinished(workdir)
  return errors.UserError(
      f'The disk of {workdir!r} is full; free some space and run the same'
      ' command again: it continues from the last checkpoint.'
  )


def run() -> int:
  """Runs the command line of this process; returns the exit code."""
  logging.set_verbosity(logging.WARNING)
  save_messages.silence()
  return distributed.leave(
      lambda: flag_commands.run(
          _advised_main,
          required=['config'],
          when_interrupted='The same command goes on from the last checkpoint.',
      )
  )


if __name__ == '__main__':
  sys.exit(run())
