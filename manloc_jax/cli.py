r"""The `manloc` command: localizes, and audits, splits and prepares datasets.

  manloc localize FOLDER --workdir runs/demo  which pixels were manipulated?
  manloc examine photo.jpg                    what else does the file say?
  manloc serve --workdir runs/demo            the same on a local web page
  manloc mcp --allow FOLDER                   the same for an assistant
  manloc evaluate --method fusion,ela --data casia1=FOLDER
  manloc robustness --method fusion,ela --data casia1=FOLDER
  manloc compare fusion ela
  manloc audit casia1 FOLDER                  is the tree fit for training?
  manloc split nist16 FOLDER --rule group --out split.json
  manloc prepare casia1 FOLDER --rule list --split_list split.json
  manloc forge PHOTOGRAPHS --out data/synthetic --count 1000
  manloc run demo                             trains, evaluates and reports
  manloc report runs/demo
  manloc runs                                 which runs are there?
  manloc sweep casia --config.data.root=FOLDER
  manloc fusion --config configs/fusion.py --workdir runs/fusion
  manloc export runs/demo --out network.safetensors

Exit code 0: done; 1: the audit found something WRONG, or some images could not
be localized; 2: it cannot be done, with one sentence that says why; 130:
stopped by Ctrl-C; 141: whoever read the output has left; 143: stopped by
SIGTERM.
"""

import argparse
from collections.abc import Sequence
import gc
import sys

from manloc_jax.commands import exit_codes

_COLLECT_AFTER = 50_000  # New objects.

# The commands are imported in `_parse`, so that Ctrl-C during the imports is
# handled by `exit_codes.run`.


def main(argv: Sequence[str] | None = None) -> int:
  """Parses a command line and runs its command.

  Returns:
    The exit code.
  """
  # Imports make many objects and no garbage: looking for it at every 700th, as
  # is the default, takes .4 s.
  gc.set_threshold(_COLLECT_AFTER)
  args = argparse.Namespace(when_interrupted='The same command starts anew.')

  def run() -> int:
    _parse(argv, args)
    return args.run(args)

  return exit_codes.run(run, lambda: args.when_interrupted)


def _parse(argv: Sequence[str] | None, args: argparse.Namespace) -> None:
  """Parses a command line into `args`.

  Each command adds its parser with `add_to`, which also sets `run`, the
  sentence `when_interrupted`, and `passes_on`: the prefixes of options that the
  command passes on.
  """
  from manloc_jax import argument_types
  from manloc_jax.commands import audit
  from manloc_jax.commands import compare
  from manloc_jax.commands import evaluate
  from manloc_jax.commands import examine
  from manloc_jax.commands import export
  from manloc_jax.commands import forge
  from manloc_jax.commands import fusion
  from manloc_jax.commands import localize
  from manloc_jax.commands import mcp
  from manloc_jax.commands import prepare
  from manloc_jax.commands import report
  from manloc_jax.commands import robustness
  from manloc_jax.commands import run as run_command
  from manloc_jax.commands import runs
  from manloc_jax.commands import serve
  from manloc_jax.commands import split
  from manloc_jax.commands import sweep

  parser = argument_types.Parser(
      prog='manloc',
      description=__doc__,
  )
  parser.set_defaults(passes_on=())
  commands = parser.add_subparsers(
      dest='command', metavar='COMMAND', required=True
  )
  for command in (
      localize,
      examine,
      serve,
      mcp,
      evaluate,
      robustness,
      compare,
      audit,
      split,
      prepare,
      forge,
      run_command,
      report,
      runs,
      sweep,
      fusion,
      export,
  ):
    command.add_to(commands)
  _, args.passed_on = parser.parse_known_args(argv, args)
  unknown = [
      argument
      for argument in args.passed_on
      if not argument.startswith(args.passes_on)
  ]
  if unknown:
    parser.error(f'unrecognized arguments: {" ".join(unknown)}')


if __name__ == '__main__':
  sys.exit(main())
