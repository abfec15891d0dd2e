r"""`manloc evaluate`: scores methods and given maps on any test sets.

  manloc evaluate --method fusion,ela --data casia1=FOLDER --data mine=FOLDER
  manloc evaluate --workdir RUN --data columbia=FOLDER
  manloc evaluate --maps MAPS --data mine=FOLDER

NAME in --data is a dataset, such as casia1; any other name is that of a
`folder`: images/ and masks/, or images.csv. By default every image with a mask
is scored, and pristine ones count for detection. There is one JSON file for
each method and set, and all tables in scores.md and report.html.
"""

import argparse
from collections.abc import Iterator
import dataclasses
import functools
import pathlib
import sys
from typing import Any, TYPE_CHECKING

from manloc_jax import argument_types
from manloc_jax import errors
from manloc_jax import run_config

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
  from manloc_jax.evaluation import any_set
  from manloc_jax.evaluation import image_sets

_MAPS = 'maps'  # The value of --method that --maps stands for.
TABLES, PAGE = 'scores.md', 'report.html'  # In the folder for results.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'evaluate',
      help='score methods, runs and given maps on any sets',
      description=__doc__.split(': ', 1)[1],
      formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.set_defaults(
      run=run,
      when_interrupted='What is done is kept: the same command does the rest.',
  )
  parser.add_argument(
      '--method',
      action='append',
      type=argument_types.names,
      default=[],
      metavar='NAMES',
      help=f'of {", ".join(run_config.METHODS)} and {_MAPS}; several between'
      ' commas or in several options; by default those of --workdir and --maps,'
      ' without them the fusion',
  )
  parser.add_argument(
      '--data',
      action='append',
      type=_named_folder,
      required=True,
      metavar='NAME=ROOT',
      help='a set and the folder of its images; may be repeated',
  )
  parser.add_argument(
      '--workdir',
      action='append',
      default=[],
      metavar='RUN',
      help='run of the network or the fusion; may be repeated',
  )
  parser.add_argument(
      '--maps',
      action='append',
      default=[],
      metavar='FOLDER',
      help='heat maps, named as their images, as png, npy, npz or mat; those of'
      ' a set may lie in FOLDER/NAME; may be repeated',
  )
  parser.add_argument(
      '--split',
      default='all',
      metavar='all|test|FILE',
      help='the images to score: all; those for test by the set or the run; or'
      ' of a list of manloc split, or of ids in lines; all by default',
  )
  parser.add_argument(
      '--out', default='evaluation', metavar='FOLDER', help='for results'
  )
  parser.add_argument(
      '--allow_leakage',
      action='store_true',
      help='score runs on images that they were trained on, too, and say so',
  )
  parser.add_argument(
      '--workers',
      type=argument_types.positive,
      help='processes, one per core by default',
  )


def _named_folder(text: str) -> tuple[str, str]:
  """Reads `NAME=ROOT`.

  Raises:
    ArgumentTypeError: It is something else, or NAME cannot name a folder.
  """
  name, _, root = text.partition('=')
  if not name or not root or '/' in name or name.startswith('.'):
    raise argparse.ArgumentTypeError(
        f'{text!r} is not NAME=ROOT, such as casia1=data/casia1'
    )
  return name, root


@dataclasses.dataclass(frozen=True)
class _Method:
  """A method to score.

  Attributes:
    label: What tables call it.
    kind: One of `run_config.METHODS`, or `maps`.
    source: Folder of a run or of maps; None for packaged weights.
  """

  label: str
  kind: str
  source: str | None = None


def run(args: argparse.Namespace) -> int:
  """Evaluates; prints the tables.

  Returns:
    0 if all images of all sets were scored, 1 if some, and 2 if none.

  Raises:
    UserError: It cannot begin.
  """
  methods = _methods(args)
  from manloc_jax.data.storage import folders
  from manloc_jax.reports import evaluation_report
  from manloc_jax.reports import evaluation_tables

  out = folders.make_writable(args.out, '--out')
  failed: list[str] = []
  results = list(_results(args, methods, out, failed))
  for table in evaluation_tables.by_protocol(results):
    print(evaluation_tables.plain(table))
  for result in results:
    left_out = result['left_out']
    for file in left_out:
      _say(f'{result["set"]}, {result["method"]}: {file["reason"]}')
  for reason in failed:
    _say(reason)
  if not results:
    return 2
  for path in evaluation_report.write(
      results, out / TABLES, out / PAGE
  ):
    print(path)
  is_whole = not failed and not any(
      result['counts']['left_out'] for result in results
  )
  return 0 if is_whole else 1


def _say(text: str) -> None:
  print(errors.printable(text), file=sys.stderr)


def _results(
    args: argparse.Namespace,
    methods: list[_Method],
    out: pathlib.Path,
    failed: list[str],
) -> Iterator[dict[str, Any]]:
  """Yields the result of each method on each set; adds why there is none."""
  from manloc_jax.evaluation import any_set
  from manloc_jax.evaluation import leakage

  trainings = {
      method.label: leakage.training_of(method.kind, method.source)
      for method in methods
  }
  sets = _sets(args, trainings.values(), failed)
  for method in methods:
    training = trainings[method.label]
    localizer = None
    for image_set in sets:
      try:
        checked = None
        if training is not None:
          checked = leakage.check(
              training, image_set, args.allow_leakage, args.workers
          )
        if localizer is None or method.kind == _MAPS:
          localizer = _localizer(method, image_set)
        yield any_set.evaluate(
            localizer,
            image_set,
            out,
            name=method.label,
            leakage=checked,
            workers=args.workers,
        )
      except errors.UserError as error:
        failed.append(f'{image_set.name}, {method.label}: {error}')


def _localizer(
    method: _Method, image_set: 'image_sets.ImageSet'
) -> 'any_set.Method':
  if method.kind == _MAPS:
    from manloc_jax.evaluation import map_folder

    folder = pathlib.Path(method.source or '')
    if (folder / image_set.name).is_dir():
      folder = folder / image_set.name
    return map_folder.GivenMaps(folder, image_set.records, image_set.root)
  from manloc_jax.localization import factory

  return factory.make(method.kind, method.source)


def _sets(args, trainings, failed: list[str]) -> 'list[image_sets.ImageSet]':
  """Opens the sets; of one that cannot be opened, adds why."""
  from manloc_jax.data import datasets
  from manloc_jax.evaluation import image_sets
  from manloc_jax.evaluation import leakage

  opened, names = [], _set_names(args.data)
  for name, (key, root) in zip(names, args.data, strict=True):
    dataset = key if key in datasets.DATASETS else 'folder'
    own = [
        training
        for training in trainings
        if training and training.dataset == dataset and training.test_ids
    ]
    choose_test = functools.partial(leakage.choose_test, own) if own else None
    try:
      opened.append(
          image_sets.open_set(
              dataset,
              root,
              name=name,
              split=args.split,
              choose_test=choose_test,
          )
      )
    except errors.UserError as error:
      failed.append(f'{name}: {error}')
  return opened


def _set_names(data: list[tuple[str, str]]) -> list[str]:
  """Returns a name for each set; `folder` is called as its own folder is."""
  names: list[str] = []
  for key, root in data:
    name = pathlib.Path(root).resolve().name if key == 'folder' else key
    name, number = name or key, 1
    while (numbered := f'{name}-{number}' if number > 1 else name) in names:
      number += 1
    names.append(numbered)
  return names


def _methods(args: argparse.Namespace) -> list[_Method]:
  """Lists the methods that are asked for.

  Raises:
    UserError: There is no such method, or it lacks its run or its maps.
  """
  from manloc_jax.localization import factory

  kinds = [kind for kinds in args.method for kind in kinds]
  runs = [(factory.method_of(run), run) for run in args.workdir]
  if not kinds:
    kinds = [kind for kind, _ in runs] + [_MAPS] * bool(args.maps)
  kinds = list(dict.fromkeys(kinds)) or [run_config.FUSION]
  for kind in kinds:
    if kind not in (*run_config.METHODS, _MAPS):
      raise errors.UserError(
          f'There is no method {kind!r}; choose --method of'
          f' {", ".join((*run_config.METHODS, _MAPS))}.'
      )
  for kind, workdir in runs:
    if kind not in kinds:
      raise errors.UserError(
          f'The run in {workdir!r} is of the method {kind}, which is not asked'
          f' for; add --method={kind}, or leave the run out.'
      )
  if (_MAPS in kinds) != bool(args.maps):
    raise errors.UserError(
        '--method=maps and --maps=FOLDER go together; give both, or --maps'
        ' alone.'
    )
  methods = []
  for kind in kinds:
    sources = [run for of, run in runs if of == kind]
    if kind == _MAPS:
      sources = args.maps
    if kind == run_config.NETWORK and not sources:
      raise errors.UserError(
          'The network comes without weights; give --workdir=RUN.'
      )
    methods += [
        _Method(f'{kind}-{pathlib.Path(source).resolve().name}', kind, source)
        for source in sources
    ] or [_Method(kind, kind)]
  labels = [method.label for method in methods]
  for label in labels:
    if labels.count(label) > 1:
      raise errors.UserError(
          f'Two runs or folders of maps are called {label}; rename one.'
      )
  return methods
