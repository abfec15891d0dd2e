r"""`manloc report`: tables and figures of finished runs.

  manloc report runs/demo
  manloc report runs/demo-0 runs/demo-1 --summary demo.json
  manloc report runs/a runs/b --compare trials.json
  manloc report runs/ablation/*/* --study study.json --out study
  manloc report --study study.json --out study
  manloc report runs/dial/*/* --dial dial.json
  manloc report runs/leakage/*/* --leakage leakage.json
  manloc report runs/ladder/*/* --ladder ladder.json
  manloc report --docs

The first writes `report.md` and `figures/` into each run. `--summary` puts the
scores of several seeds, with mean and standard deviation, into one file and
draws their learning curves beside it; `--compare` collects the scores of
different configs, with a table of means over seeds in Markdown and in LaTeX
beside it. `--study` gathers the paper's systems on any datasets, with
several seeds, and classical methods, and `--out` is the folder for Tables 1 to
6 and Figures 4 and 5, made from that file (Figure 5 needs the runs). `--dial`
gathers runs of `configs/dial.py` and draws AUC over the level beside its file,
`--leakage` those of `configs/leakage.py`, split by image and by photograph, and
`--ladder` those of `configs/ladder.py`, with a drawing. Systems, tables and
claims are those of `configs/ablation.py`, or of the config file that
`--defined_by` names. `--docs` writes the tables of all files committed under
`manloc_jax/results/` into README.md, docs/ and the model card of a checkout.
"""

import argparse
import pathlib
from typing import TYPE_CHECKING

from manloc_jax import errors
from manloc_jax.commands import study_files

if TYPE_CHECKING:
  from manloc_jax.reports.study import study_file

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'report',
      help='tables and figures of runs',
      description=__doc__.split(': ', 1)[1],
  )
  parser.set_defaults(run=run)
  parser.add_argument(
      'workdirs', nargs='*', metavar='RUN', help='folders of runs'
  )
  parser.add_argument(
      '--summary', metavar='FILE', help='JSON of the seeds of one config'
  )
  parser.add_argument(
      '--compare', metavar='FILE', help='JSON of runs of different configs'
  )
  parser.add_argument(
      '--study', metavar='FILE', help="JSON of runs of the paper's systems"
  )
  parser.add_argument(
      '--out',
      metavar='FOLDER',
      help='for tables and figures of --study',
  )
  parser.add_argument(
      '--dial', metavar='FILE', help='JSON of runs at several levels of dial'
  )
  parser.add_argument(
      '--leakage', metavar='FILE', help='JSON of runs of configs/leakage.py'
  )
  parser.add_argument(
      '--ladder', metavar='FILE', help='JSON of runs of configs/ladder.py'
  )
  parser.add_argument(
      '--defined_by',
      type=pathlib.Path,
      default=study_files.DEFAULT,
      metavar='FILE',
      help='config file with the SYSTEMS, TABLES and CLAIMS of the runs, as for'
      ' manloc sweep --study; configs/ablation.py by default',
  )
  parser.add_argument(
      '--docs',
      action='store_true',
      help='update the tables of README.md and docs/ from committed results',
  )


def run(args: argparse.Namespace) -> int:
  """Writes what is asked for; prints the files.

  Raises:
    UserError: The arguments do not go together, or a run is not finished.
  """
  _check(args)
  runs = ', '.join(args.workdirs)
  with errors.refusing_malformed(
      f'The files of {errors.shown(runs, 100)}', 'evaluate the runs again'
  ):
    _write(args)
  if args.docs:
    from manloc_jax.reports import generated_docs

    for path in generated_docs.update_all():
      print(path)
  return 0


def _write(args: argparse.Namespace) -> None:
  from manloc_jax.reports import report
  from manloc_jax.reports.study import dial_figure
  from manloc_jax.reports.study import ladder
  from manloc_jax.reports.study import leakage
  from manloc_jax.reports.study import render

  if args.study:
    defines = _read_study(args.defined_by) if args.workdirs else None
    for path in render.gather(args.workdirs, args.study, args.out, defines):
      print(path)
  elif args.dial:
    defines = _read_study(args.defined_by)
    for path in dial_figure.gather(args.workdirs, args.dial, defines):
      print(path)
  elif args.leakage:
    defines = _read_study(args.defined_by)
    print(leakage.gather(args.workdirs, args.leakage, defines))
  elif args.ladder:
    for path in ladder.gather(args.workdirs, args.ladder):
      print(path)
  else:
    for workdir in args.workdirs:
      print(report.report(workdir))
  if args.summary:
    report.summarize(args.workdirs, args.summary)
  if args.compare:
    for path in report.compare(args.workdirs, args.compare):
      print(path)


def _read_study(path: pathlib.Path) -> 'study_file.StudyFile':
  from manloc_jax.reports.study import study_file

  return study_file.read(str(path), study_files.read(path))


def _check(args: argparse.Namespace) -> None:
  if args.out and not args.study:
    raise errors.UserError(
        '--out renders a study: name its file with --study.'
    )
  if args.study and not (args.workdirs or args.out):
    raise errors.UserError(
        '--study needs runs to gather, or --out to render it.'
    )
  if sum(map(bool, (args.study, args.dial, args.leakage, args.ladder))) > 1:
    raise errors.UserError(
        'Give one of --study, --dial, --leakage and --ladder at a time.'
    )
  for option in ('summary', 'compare', 'dial', 'leakage', 'ladder'):
    if getattr(args, option) and not args.workdirs:
      raise errors.UserError(f'--{option} needs the folders of runs.')
  if not (args.workdirs or args.study or args.docs):
    raise errors.UserError('Name the folders of runs to report on.')
