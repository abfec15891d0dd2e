"""Reads, writes and compares the config and the split of a run."""

from collections.abc import Mapping
import json
import pathlib
from typing import Any, TYPE_CHECKING

from manloc_jax import errors
from manloc_jax import files

if TYPE_CHECKING:  # `manloc --help` does without it.
  import ml_collections

CONFIG = 'config.json'
SPLIT = 'split.txt'
# Values of `method`: what `manloc_jax.main` trains, what `manloc fusion`
# trains, and the classical methods, each the name of a file: what only needs
# their names does not import them.
NETWORK = 'network'
FUSION = 'fusion'
CLASSICAL = tuple(
    sorted(
        path.stem
        for path in pathlib.Path(__file__).parent.glob(
            'localization/classical/methods/[!_]*.py'
        )
    )
)
METHODS = (FUSION, NETWORK, *CLASSICAL)
# Values of `data.backend` in version 0.1.
_RENAMED_BACKENDS = {'resident': 'memory', 'stream': 'online'}
# Fields that version 0.1 had under other names.
RENAMED_FIELDS = {'data.source': 'data.backend', 'data.stream': 'data.online'}
# Sections without which a file is no config.
_SECTIONS = ('model', 'data')
# Sections and fields that methods other than the network depend on.
_OTHERS = ('method', 'data', 'eval')
# Paths in the section `data`. The digest of the split covers the content of a
# split list.
PATHS = ('root', 'prepared', 'split_list', 'photographs', 'cache')


def claim(
    workdir: str, config: 'ml_collections.ConfigDict', split_digest: str
) -> None:
  """Writes config and split of a run, or checks that they are the same.

  Args:
    workdir: The run's folder.
    config: Its config, written as `config.json`.
    split_digest: Names the images of train, val and test; written as
      `split.txt`. Images that come or go change the split, and a run scored
      on another split may have trained on its test images.

  Raises:
    UserError: The folder belongs to a run of another config or another split.
  """
  path = pathlib.Path(workdir) / CONFIG
  if path.exists():
    check(workdir, config, split_digest)
    return
  path.parent.mkdir(parents=True, exist_ok=True)
  # First, so that a run with a config always has it.
  files.write_text(path.with_name(SPLIT), split_digest)
  files.write_text(path, config.to_json(indent=2))


def check(
    workdir: str, config: 'ml_collections.ConfigDict', split_digest: str
) -> None:
  """Checks that the run in `workdir` has this config and this split.

  The section `eval` may differ, for it does not affect training, and so may the
  folders of the data.

  Raises:
    UserError: There is no run, or it has another config or another split.
  """
  ours, theirs = flatten(plain(config)), flatten(plain(read(workdir)))
  changed = sorted(
      key
      for key in ours.keys() | theirs.keys()
      if ours.get(key) != theirs.get(key) and not key.startswith('eval.')
  )
  if not changed:
    path = pathlib.Path(workdir) / SPLIT
    if path.exists() and path.read_text() != split_digest:
      raise errors.UserError(
          f'The run in {workdir!r} was trained on another split of the images:'
          ' files have come or gone under --config.data.root; restore them, or'
          ' choose another --workdir and train anew.'
      )
    return
  shown = ', '.join(
      f'{key} is {theirs.get(key)!r} there and {ours.get(key)!r} here'
      for key in changed[:3]
  )
  more = f' and {len(changed) - 3} more' if len(changed) > 3 else ''
  raise errors.UserError(
      f'The run in {workdir!r} has another config: {shown}{more}; choose'
      ' another --workdir, or delete that folder.'
  )


def read(workdir: str) -> 'ml_collections.ConfigDict':
  """Reads the config of the run in `workdir`.

  Raises:
    UserError: There is no run, or its `config.json` is damaged.
  """
  import ml_collections

  path = pathlib.Path(workdir) / CONFIG
  try:
    content = json.loads(path.read_text())
    if not isinstance(content, dict) or not all(
        isinstance(content.get(section), dict) for section in _SECTIONS
    ):
      raise ValueError(f'it lacks one of the sections {", ".join(_SECTIONS)}')
    return ml_collections.ConfigDict(upgraded(content))
  except OSError as error:
    reason = f'cannot be read ({error.strerror})'
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
      reason = 'is missing'
    raise errors.UserError(
        f'There is no run in {str(workdir)!r}: {CONFIG} {reason}; train one'
        ' first, or give the --workdir of a finished run.'
    ) from error
  except ValueError as error:
    raise errors.UserError(
        f'{str(path)!r} is not the JSON that a run writes ({error}); restore'
        ' it or start the run anew in another --workdir.'
    ) from error


def upgraded(content: Mapping[str, Any]) -> dict[str, Any]:
  """Returns a config of any version with today's names of its fields.

  Args:
    content: What `config.json` holds, or the `config` of a result.
  """
  data = dict(content.get('data', {}))
  if 'source' in data:
    stored = data.pop('source')
    data['backend'] = _RENAMED_BACKENDS.get(stored, stored)
  if 'stream' in data:
    data['online'] = data.pop('stream')
  return {**content, 'data': data}


def plain(config: 'ml_collections.ConfigDict') -> dict[str, Any]:
  """Returns a config as JSON holds it, without the fields of a machine.

  The config of a network does not name the method, as in runs of older
  versions. That of another method is reduced to what its results depend on.
  """
  content = json.loads(config.to_json())
  if content.get('method', NETWORK) == NETWORK:
    content.pop('method', None)
    content.pop('fusion', None)
  else:
    content = {key: content[key] for key in _OTHERS}
  for key in PATHS:
    content['data'].pop(key, None)
  for section in (content['data'], content['data'].get('online', {})):
    section.pop('workers', None)
  return content


def scored(config: 'ml_collections.ConfigDict') -> dict[str, Any]:
  """Returns `plain` without the list of splits to score.

  The scores of a split do not depend on which other splits are scored, so that
  they stay current when others are added.
  """
  content = plain(config)
  content['eval'].pop('splits', None)
  return content


def flatten(tree: Mapping, prefix: str = '') -> dict[str, Any]:
  """Returns `{'a.b': value}` for every leaf of nested dictionaries."""
  flat = {}
  for key, value in tree.items():
    if isinstance(value, Mapping):
      flat.update(flatten(value, f'{prefix}{key}.'))
    else:
      flat[f'{prefix}{key}'] = value
  return flat
