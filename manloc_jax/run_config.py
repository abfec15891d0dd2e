"""Reads, writes and compares the config and the split digest of a run."""

from collections.abc import Iterable, Mapping
import json
import pathlib
from typing import Any, TYPE_CHECKING

from manloc_jax import errors
from manloc_jax import files

if TYPE_CHECKING:  # Not imported for `manloc --help`.
  import ml_collections

CONFIG = 'config.json'
SPLIT = 'split.txt'
FUSION_WEIGHTS = 'fusion.safetensors'  # Of a run of `manloc fusion`.
# Values of `method`: the network that `manloc_jax.main` trains, the one that
# `manloc fusion` trains, and the classical methods, each named by its file, so
# that listing them imports none.
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
# Sections that every config must have.
_SECTIONS = ('model', 'data')
# Sections that older versions or other methods may lack.
_OPTIONAL_SECTIONS = ('train', 'eval', 'loss', 'optim')
# Fields that methods other than the network depend on.
_OTHER_METHODS = ('method', 'data', 'eval')
# Folders and files in the section `data`; the split digest covers the images.
PATHS = ('root', 'prepared', 'split_list', 'photographs', 'cache')


def write_or_check(
    workdir: str, config: 'ml_collections.ConfigDict', split_digest: str
) -> None:
  """Writes config and split digest of a new run, or checks those of an old one.

  Args:
    workdir: The run's folder.
    config: Its config, written as `config.json`.
    split_digest: Identifies the images of train, val and test; written as
      `split.txt`. Where images are added or removed the split changes, and a
      run scored on another split may have trained on its test images.

  Raises:
    UserError: The folder belongs to a run of another config or another split.
  """
  path = pathlib.Path(workdir) / CONFIG
  if path.exists():
    check_same(workdir, config, split_digest)
    return
  path.parent.mkdir(parents=True, exist_ok=True)
  # First, so that a run with a config always has it.
  files.write_text(path.with_name(SPLIT), split_digest)
  write(workdir, config)


def write(workdir: str, config: 'ml_collections.ConfigDict') -> None:
  """Writes the config of the run in `workdir`."""
  files.write_text(
      pathlib.Path(workdir) / CONFIG, config.to_json(indent=2)
  )


def check_same(
    workdir: str, config: 'ml_collections.ConfigDict', split_digest: str
) -> None:
  """Checks that the run in `workdir` has this config and this split.

  The section `eval` may differ, for no parameter depends on it, and so may the
  folders of the data.

  Args:
    workdir: The run's folder.
    config: The config that it should have.
    split_digest: See `write_or_check`.

  Raises:
    UserError: There is no run, or it has another config or another split.
  """
  changed = differences(config, read(workdir))
  if not changed:
    path = pathlib.Path(workdir) / SPLIT
    if path.exists() and files.read_text(path) != split_digest:
      raise errors.UserError(
          f'The run in {workdir!r} was trained on another split of the images:'
          ' files have come or gone under --config.data.root; restore them, or'
          ' choose another --workdir and train anew.'
      )
    return
  raise errors.UserError(
      f'The run in {workdir!r} has another config: {shown(changed, changed)};'
      ' choose another --workdir, or delete that folder.'
  )


def differences(
    ours: 'ml_collections.ConfigDict', theirs: 'ml_collections.ConfigDict'
) -> dict[str, tuple[Any, Any]]:
  """Compares two configs but for their section `eval` and the folders.

  Returns:
    The value in `ours` and that in `theirs`, by the sorted names of the fields
    that differ; None where a config lacks one.
  """
  here, there = flatten(plain(ours)), flatten(plain(theirs))
  return {
      key: (here.get(key), there.get(key))
      for key in sorted(here.keys() | there.keys())
      if here.get(key) != there.get(key) and not key.startswith('eval.')
  }


def shown(
    changed: Mapping[str, tuple[Any, Any]], keys: Iterable[str]
) -> str:
  """Returns some fields of `differences` for an error's sentence."""
  keys = list(keys)
  text = ', '.join(
      f'{key[:60]} is {errors.shown(changed[key][1])} there and'
      f' {errors.shown(changed[key][0])} here'
      for key in keys[:3]
  )
  return text + (f' and {len(keys) - 3} more' if len(keys) > 3 else '')


def read(workdir: str) -> 'ml_collections.ConfigDict':
  """Reads the config of the run in `workdir`.

  Raises:
    UserError: There is no run, or its `config.json` is damaged.
  """
  import ml_collections

  path = pathlib.Path(workdir) / CONFIG
  try:
    content = files.read_json(path, files.MAX_CONFIG_BYTES)
    _check_sections(content)
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


def _check_sections(content: Any) -> None:
  """Raises ValueError unless readers can rely on what a file holds."""
  if not isinstance(content, dict) or not all(
      isinstance(content.get(section), dict) for section in _SECTIONS
  ):
    raise ValueError(f'it lacks one of the sections {", ".join(_SECTIONS)}')
  for section in _OPTIONAL_SECTIONS:
    if not isinstance(content.get(section, {}), dict):
      found = errors.shown(content[section])
      raise ValueError(f'{section} is no section, but {found}')
  for key in ('stream', 'online'):
    if not isinstance(content['data'].get(key, {}), dict):
      raise ValueError(f'data.{key} is no section')


def upgraded(content: Mapping[str, Any]) -> dict[str, Any]:
  """Returns a config of any version with the present names of its fields.

  Args:
    content: The content of `config.json`, or `config` of a result.
  """
  data = dict(content.get('data', {}))
  if 'source' in data:
    backend = data.pop('source')
    data['backend'] = _RENAMED_BACKENDS.get(backend, backend)
  if 'stream' in data:
    data['online'] = data.pop('stream')
  if isinstance(data.get('sampler'), dict):
    # Windows began at any pixel before there was the field.
    data['sampler'] = {'window_grid': 1, **data['sampler']}
  return {**content, 'data': data}


def plain(config: 'ml_collections.ConfigDict') -> dict[str, Any]:
  """Returns a config as JSON holds it, without the fields of a machine.

  The config of a network does not name the method, as in older versions; that
  of another method holds only the fields that its scores depend on.
  """
  content = json.loads(config.to_json())
  if content.get('method', NETWORK) == NETWORK:
    content.pop('method', None)
    content.pop('fusion', None)
  else:
    content = {key: content[key] for key in _OTHER_METHODS}
  for key in PATHS:
    content['data'].pop(key, None)
  content['data'].pop('allow_outside', None)
  content.get('train', {}).pop('tracker', None)
  for section in (content['data'], content['data'].get('online', {})):
    section.pop('workers', None)
  return content


def scored(config: 'ml_collections.ConfigDict') -> dict[str, Any]:
  """Returns `plain` without `eval.splits`.

  The scores of a split do not depend on which other splits are scored, so that
  they stay valid when others are added.
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
