r"""Trains the fusion on a set of forged images.

  manloc fusion --config=configs/fusion.py \
      --config.data.root=<set> --workdir=runs/fusion
"""

from collections.abc import Sequence
import json

from absl import app
from absl import flags
from absl import logging
from ml_collections import config_flags

from manloc_jax import argument_types

# Processes that measure import this file: what is heavy comes later.
_CONFIG = config_flags.DEFINE_config_file('config', None, 'Settings.')
_WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of the run.')


def run(argv: Sequence[str]) -> int:
  """Runs the command with these arguments; ends the process."""
  flags.mark_flags_as_required(['config', 'workdir'])
  return app.run(_main, ['manloc fusion', *argv])


def _main(argv: Sequence[str]) -> int:
  if len(argv) > 1:
    raise app.UsageError(f'Unknown argument {argv[1]!r}; see --help.')
  logging.set_verbosity(logging.WARNING)  # Orbax tells of every save.
  return argument_types.exit_code(_train)


def _train() -> None:
  from manloc_jax.localization.fusion import train

  found = train.train(_CONFIG.value, _WORKDIR.value)
  print(json.dumps({'val_block_auc_mean': found, 'workdir': _WORKDIR.value}))
