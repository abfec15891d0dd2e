r"""Makes a stand-in for NIST Nimble 2016, whose images may not be passed on.

  python -m manloc_jax.benchmarks.standin --csv_root=NC2016_Test0613 \
      --photographs=FOLDER --out=data/standin --targets=64

The tree has NIST's layout, table and masks, and probes of the same names and
sizes that are forged from other photographs; see `nist_tree.make`.
"""

import pathlib
import sys

from absl import flags

from manloc_jax.benchmarks import nist_tree
from manloc_jax.commands import flag_commands

_CSV_ROOT = flags.DEFINE_string(
    'csv_root', None, "Release with NIST's table and masks."
)
_PHOTOGRAPHS = flags.DEFINE_string(
    'photographs', None, 'Folder of JPEGs to forge.'
)
_OUT = flags.DEFINE_string('out', None, 'Folder to make.')
_TARGETS = flags.DEFINE_integer(
    'targets', None, 'Forged probes; all by default.', lower_bound=1
)
_LONG_SIDE = flags.DEFINE_integer(
    'long_side', None, 'Reduces larger images to it.', lower_bound=128
)
_SEED = flags.DEFINE_integer('seed', 0, 'Fixes every choice.')


def main(argv: list[str]) -> None:
  """Makes the tree and lists the masks that are missing."""
  del argv
  missing = nist_tree.make(
      pathlib.Path(_CSV_ROOT.value or ''),
      pathlib.Path(_PHOTOGRAPHS.value or ''),
      pathlib.Path(_OUT.value or ''),
      targets=_TARGETS.value,
      seed=_SEED.value,
      long_side=_LONG_SIDE.value,
  )
  for name in missing:
    print(f'There is no {name}; its probes are left out.')


if __name__ == '__main__':
  sys.exit(flag_commands.run(main, required=['csv_root', 'photographs', 'out']))
