"""Reads which methods and sets to score, for all commands that score sets."""

import argparse
import dataclasses
import pathlib

from manloc_jax import argument_types
from manloc_jax import errors
from manloc_jax import run_config

MAPS = 'maps'  # The value of --method that --maps stands for.


@dataclasses.dataclass(frozen=True)
class Method:
  """A method to score.

  Attributes:
    label: What tables call it.
    kind: One of `run_config.METHODS`, or `maps`.
    source: Folder of a run or of maps, or file of weights; None for the
      packaged ones.
  """

  label: str
  kind: str
  source: str | None = None


def add_to(parser: argparse.ArgumentParser, *, takes_maps: bool) -> None:
  """Adds the arguments that all commands share.

  Args:
    parser: Of the command.
    takes_maps: Whether the command has `--maps`.
  """
  known, source = ', '.join(run_config.METHODS), '--workdir'
  if takes_maps:
    known, source = f'{known} and {MAPS}', '--workdir and --maps'
  parser.add_argument(
      '--method',
      action='append',
      type=argument_types.names,
      default=[],
      metavar='NAMES',
      help=f'of {known}; several between commas or in several options; by'
      f' default those of {source}, without them the fusion',
  )
  parser.add_argument(
      '--data',
      action='append',
      type=named_folder,
      required=True,
      metavar='NAME=ROOT',
      help='a set and the folder of its images; may be repeated',
  )
  parser.add_argument(
      '--workdir',
      action='append',
      default=[],
      metavar='RUN',
      help='run of the network or the fusion, or a file of weights; may be'
      ' repeated',
  )
  parser.add_argument(
      '--split',
      default='all',
      metavar='all|test|FILE',
      help='the images to score: all; those for test by the set or the run; or'
      ' of a list of manloc split, or of ids in lines; all by default',
  )
  parser.add_argument(
      '--allow_leakage',
      action='store_true',
      help='score runs on images that they were trained on, too, and say so',
  )
  parser.add_argument(
      '--allow_outside',
      action='store_true',
      help='take files that the table of a set names outside of its folder',
  )
  parser.add_argument(
      '--workers',
      type=argument_types.positive,
      help='processes, one per core by default',
  )


def named_folder(text: str) -> tuple[str, str]:
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


def set_names(data: list[tuple[str, str]]) -> list[str]:
  """Returns a name for each set; `folder` is called as its own folder is."""
  names: list[str] = []
  for key, root in data:
    name = pathlib.Path(root).resolve().name if key == 'folder' else key
    name, number = name or key, 1
    while (numbered := f'{name}-{number}' if number > 1 else name) in names:
      number += 1
    names.append(numbered)
  return names


def _name(source: str) -> str:
  """Returns the name of a folder, or of a file of weights."""
  return pathlib.Path(source).resolve().name.removesuffix('.safetensors')


def methods(
    args: argparse.Namespace, maps: list[str] | None = None
) -> list[Method]:
  """Lists the methods that are asked for.

  Args:
    args: With `method` and `workdir`.
    maps: Folders of maps; None where the command takes none.

  Raises:
    UserError: There is no such method, or it lacks its run or its maps.
  """
  from manloc_jax.localization import factory

  known = run_config.METHODS if maps is None else (*run_config.METHODS, MAPS)
  maps = maps or []
  kinds = [kind for kinds in args.method for kind in kinds]
  runs = [(factory.method_of(run), run) for run in args.workdir]
  if not kinds:
    kinds = [kind for kind, _ in runs] + [MAPS] * bool(maps)
  kinds = list(dict.fromkeys(kinds)) or [run_config.FUSION]
  for kind in kinds:
    if kind not in known:
      raise errors.UserError(
          f'There is no method {kind!r}; choose --method of'
          f' {", ".join(known)}.'
      )
  for kind, workdir in runs:
    if kind not in kinds:
      raise errors.UserError(
          f'The run in {workdir!r} is of the method {kind}, which is not asked'
          f' for; add --method={kind}, or leave the run out.'
      )
  if (MAPS in kinds) != bool(maps):
    raise errors.UserError(
        '--method=maps and --maps=FOLDER go together; give both, or --maps'
        ' alone.'
    )
  chosen = []
  for kind in kinds:
    sources = [run for of, run in runs if of == kind]
    if kind == MAPS:
      sources = maps
    chosen += [
        Method(f'{kind}-{_name(source)}', kind, source)
        for source in sources
    ] or [Method(kind, kind)]
  labels = [method.label for method in chosen]
  for label in labels:
    if labels.count(label) > 1:
      raise errors.UserError(
          f'Two runs or folders of maps are called {label}; rename one.'
      )
  return chosen
