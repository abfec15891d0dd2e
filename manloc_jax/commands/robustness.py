r"""`manloc robustness`: scores methods on sets of images degraded step by step.

  manloc robustness --method fusion,adjpeg,dct --data casia1=FOLDER
  manloc robustness --method fusion --data mine=FOLDER --series jpeg,resize

Whole images are compressed as JPEG, blurred, made noisy, reduced, and treated
as web sites do, and scored as manloc evaluate does, those with a mask alone.
There is one JSON file for each method and set, one figure with all methods for
each set, and all tables in robustness.md.
"""

import argparse
import pathlib
import sys
from typing import Any, TYPE_CHECKING

from manloc_jax import argument_types
from manloc_jax import errors
from manloc_jax.commands import evaluate_arguments
from manloc_jax.commands import evaluate_sets

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
  from manloc_jax.evaluation import degraded_images
  from manloc_jax.evaluation import image_sets
  from manloc_jax.localization import localizer as localizer_lib

_SAID = 20  # Lines for each result.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'robustness',
      help='score methods on degraded images of any sets',
      description=__doc__.split(': ', 1)[1],
  )
  parser.set_defaults(
      run=run,
      when_interrupted='What is done is kept: the same command does the rest.',
  )
  evaluate_arguments.add_to(parser, takes_maps=False)
  parser.add_argument(
      '--series',
      type=argument_types.names,
      metavar='NAMES',
      help='of jpeg, blur, noise, resize and web, between commas; all by'
      ' default',
  )
  parser.add_argument(
      '--out', default='robustness', metavar='FOLDER', help='for results'
  )


def run(args: argparse.Namespace) -> int:
  """Scores; prints the tables.

  Returns:
    0 if all images of all sets were scored, 1 if some, and 2 if none.

  Raises:
    UserError: It cannot begin.
  """
  from manloc_jax.data import degrade
  from manloc_jax.data.storage import folders

  for name in args.series or ():
    if name not in degrade.SERIES:
      raise errors.UserError(
          f'There is no series {name!r}; choose --series of'
          f' {", ".join(degrade.SERIES)}.'
      )
  series = args.series or list(degrade.SERIES)
  methods = evaluate_arguments.methods(args)
  from manloc_jax.evaluation import degraded_images
  from manloc_jax.reports import degraded_report
  from manloc_jax.reports import typeset

  out = folders.make_writable(args.out, '--out')
  failed: list[str] = []
  trainings = evaluate_sets.trainings(methods)
  localizers: dict[str, localizer_lib.Localizer] = {}
  results: list[dict[str, Any]] = []
  for image_set in evaluate_sets.open_all(args, trainings.values(), failed):
    chosen = _methods(args, methods, trainings, image_set, localizers, failed)
    try:
      if chosen:
        results += degraded_images.evaluate(
            chosen, image_set, out, series=series, workers=args.workers
        )
    except errors.UserError as error:
      failed.append(f'{image_set.name}: {error}')
  for table in degraded_report.tables(results, series):
    print(typeset.plain(table))
  for result in results:
    _say_left_out(result)
  for reason in failed:
    _say(reason)
  if not results:
    return 2
  for path in degraded_report.write(results, series, out):
    print(path)
  is_whole = not failed and not any(result['left_out'] for result in results)
  return 0 if is_whole else 1


def _methods(
    args: argparse.Namespace,
    methods: list[evaluate_arguments.Method],
    trainings: dict[str, Any],
    image_set: 'image_sets.ImageSet',
    localizers: 'dict[str, localizer_lib.Localizer]',
    failed: list[str],
) -> 'list[degraded_images.Method]':
  """Makes the methods that may be scored on a set; adds why others may not.

  Args:
    args: Of the command.
    methods: All methods.
    trainings: What they were trained on, by label.
    image_set: The set.
    localizers: Those that were made already, by label; new ones are added.
    failed: Gets a sentence for each method that may not be scored.
  """
  from manloc_jax.evaluation import degraded_images
  from manloc_jax.evaluation import leakage
  from manloc_jax.localization import factory

  chosen = []
  for method in methods:
    training, checked = trainings[method.label], None
    try:
      if training is not None:
        checked = leakage.check(
            training, image_set, args.allow_leakage, args.workers
        )
      if method.label not in localizers:
        localizers[method.label] = factory.make(method.kind, method.source)
    except errors.UserError as error:
      failed.append(f'{image_set.name}, {method.label}: {error}')
      continue
    chosen.append(
        degraded_images.Method(
            method.label, localizers[method.label], checked
        )
    )
  return chosen


def _say_left_out(result: dict[str, Any]) -> None:
  """Says which files were not scored."""
  label = f'{result["set"]}, {result["method"]}'
  left_out = result['left_out']
  for file in left_out[:_SAID]:
    _say(f'{label}: {file["reason"]}')
  if len(left_out) > _SAID:
    path = pathlib.Path(result['set'], f'{result["method"]}.json')
    _say(f'{label}: and {len(left_out) - _SAID} more, see {path}.')


def _say(text: str) -> None:
  print(errors.printable(text), file=sys.stderr)
