"""Finds and loads config files: `--config=FILE --config.NAME=VALUE`."""

from collections.abc import Sequence
import difflib
import importlib.util
import itertools
import pathlib
import re
import sys

from absl import flags
import ml_collections
from ml_collections import config_flags

from manloc_jax import errors
from manloc_jax import run_config

# Exceptions of loading a file or setting one of its fields.
_LOAD_ERRORS = (flags.Error, AttributeError, KeyError, TypeError, ValueError)
# What is raised for a field that is not there: its name, quoted up to twice,
# and perhaps one of the same section.
_UNKNOWN_FIELD = re.compile(
    r"""["']?\\?'(\w+)\\?'(?:(?:\\n|\s)+Did you mean "\w+".*)?["']?"""
)
_MOST_NEAR = 3  # Fields that are suggested for one that is not there.
_PACKAGE = pathlib.Path(__file__).parents[1]
# How a config of this project may be named, in whatever folder.
_NAME = re.compile(r'(?:configs/)?(\w+)(?:\.py)?')


def define_flag(
    default: str | None = None,
    values: flags.FlagValues = flags.FLAGS,
    argv: Sequence[str] | None = None,
) -> flags.FlagHolder:
  """Defines `--config`, a locked config.

  Args:
    default: Its file.
    values: Where the flag goes.
    argv: The command line that overrides fields; that of the process by
      default.

  Returns:
    The flag; `parse` reads its file.
  """
  holder = config_flags.DEFINE_config_file(
      'config', default, flag_values=values, sys_argv=argv
  )
  values['config'].parser = _Parser(values['config'].parser)
  return holder


class _Parser(flags.ArgumentParser):
  """Loads a config file after importing the package that it is in."""

  def __init__(self, load_file: flags.ArgumentParser):
    self._load_file = load_file

  def parse(self, argument: str) -> ml_collections.ConfigDict:
    """Returns the config of a file, which may have an argument."""
    name, *rest = argument.split(':', 1)
    file = str(find(name))
    import_package_of(file)
    try:
      return self._load_file.parse(':'.join([file, *rest]))
    except (TypeError, ValueError):
      raise  # From `get_config`; its message is for the user.
    except Exception as error:
      raise errors.UserError(
          f'The config file {file!r} cannot be used:'
          f' {type(error).__name__}: {error}.'
      ) from error

  def flag_type(self) -> str:
    return self._load_file.flag_type()


def parse(
    argv: Sequence[str],
    values: flags.FlagValues = flags.FLAGS,
    known_only: bool = False,
) -> list[str]:
  """Parses a command line that may have the flag of `define_flag`.

  Args:
    argv: The name of the command and its arguments.
    values: The flags.
    known_only: Whether flags of others may be there.

  Returns:
    The name and the arguments that are no flags.

  Raises:
    UserError: It cannot be used, or there is no such config file.
  """
  _check_names(argv)
  try:
    rest = values(argv, known_only=known_only)
    # A missing default file raises only when a field is read.
    if 'config' in values and values['config'].value is not None:
      values['config'].value.is_locked  # noqa: B018
    return rest
  except _LOAD_ERRORS as error:
    raise errors.UserError(
        f'The command line cannot be used: {_sentence(error, argv, values)}'
    ) from error
  except OSError as error:
    raise missing(file_name(values)) from error
  except SystemExit:
    sys.exit(0)  # After --help, which absl takes for a failure.


def _check_names(argv: Sequence[str]) -> None:
  """Raises UserError where a field is set by the name of an older version."""
  for option in argv:
    for old, new in run_config.RENAMED_FIELDS.items():
      if re.match(rf'--?config\.{re.escape(old)}\b', option):
        raise errors.UserError(
            f'The field of {option!r} is called --config.{new} now; see'
            ' configs/default.py for its values.'
        )


def load(file: str, overrides: Sequence[str]) -> ml_collections.ConfigDict:
  """Loads a config file.

  Args:
    file: Its path; what follows a colon goes to its `get_config`.
    overrides: Options `--config.NAME=VALUE`.

  Returns:
    The locked config.

  Raises:
    UserError: There is no such file, or no such field.
  """
  argv = ['manloc', f'--config={file}', *overrides]
  values = flags.FlagValues()
  holder = define_flag(values=values, argv=argv)
  if rest := parse(argv, values)[1:]:
    raise errors.UserError(
        f'The arguments {rest} belong to no option; set a field with'
        ' --config.NAME=VALUE.'
    )
  return holder.value


def file_name(values: flags.FlagValues = flags.FLAGS) -> str:
  """Returns the path that `--config` names."""
  return file_and_argument(values)[0]


def file_and_argument(values: flags.FlagValues = flags.FLAGS) -> list[str]:
  """Returns the path that `--config` names, and its argument if it has one."""
  return config_flags.get_config_filename(values['config']).split(':', 1)


def overridden(values: flags.FlagValues = flags.FLAGS) -> set[str]:
  """Returns the names of the fields that the command line sets."""
  return set(config_flags.get_override_values(values['config']))


def find(name: str | pathlib.Path) -> pathlib.Path:
  """Returns the path of a config file.

  Args:
    name: The path; where no such file is, also the name of one of this
      project's, as `demo` or `configs/demo.py`.

  Raises:
    UserError: There is no such file.
  """
  path = pathlib.Path(name)
  if path.is_file():
    return path
  if named := _NAME.fullmatch(str(name)):
    own = _own_folder() / f'{named[1]}.py'
    if own.is_file():
      return own
  raise missing(name)


def missing(name: str | pathlib.Path) -> errors.UserError:
  """Returns the error for a config file that does not exist."""
  known = sorted(path.stem for path in _own_folder().glob('[!_]*.py'))
  return errors.UserError(
      f'There is no config file {str(name)!r}; give the path of one, or one of'
      f' these names: {", ".join(known)}.'
  )


def _own_folder() -> pathlib.Path:
  """Returns the folder of this project's configs.

  It is in the package where a wheel is installed, see setup.py, and beside it
  in the repository.
  """
  inside = _PACKAGE / 'configs'
  return inside if inside.is_dir() else _PACKAGE.parent / 'configs'


def import_package_of(path: str | pathlib.Path) -> None:
  """Makes the package that a config file is in importable by its name.

  Configs import each other, as in `from configs import small`, and their
  project need be neither the current folder nor installed. Only the package
  becomes known, not the folder above it, which may hold another manloc_jax.
  The configs that a wheel holds in this package import each other likewise.

  Args:
    path: A config file; nothing happens where it is in no package.
  """
  above = pathlib.Path(path).absolute().parents
  inside = list(itertools.takewhile(_is_other_package, above))
  if not inside or inside[-1].name in sys.modules:
    return
  folder = inside[-1]  # The package that holds the others.
  spec = importlib.util.spec_from_file_location(
      folder.name,
      folder / '__init__.py',
      submodule_search_locations=[str(folder)],
  )
  if spec is None or spec.loader is None:
    return  # It is no `.py` file.
  package = importlib.util.module_from_spec(spec)
  sys.modules[folder.name] = package
  spec.loader.exec_module(package)


def _is_other_package(folder: pathlib.Path) -> bool:
  return folder != _PACKAGE and (folder / '__init__.py').is_file()


def _sentence(
    error: Exception, argv: Sequence[str], values: flags.FlagValues
) -> str:
  message = str(error.args[0] if error.args else error)
  if unknown := _UNKNOWN_FIELD.fullmatch(message):
    name = unknown[1]
    near = ' or '.join(
        f'--config.{key}' for key in _near(name, _named_file(argv, values))
    )
    hint = f'Did you mean {near}?' if near else 'See configs/default.py.'
    message = f'the config has no field "{name}". {hint}'
  if 'Traceback' in message:
    # Of a config file that raised: the last line is what it said.
    message = message.strip().splitlines()[-1].partition(': ')[2]
  return ' '.join(message.split())


def _named_file(argv: Sequence[str], values: flags.FlagValues) -> str:
  """Returns what `--config` is in a command line that was not parsed."""
  for option, following in itertools.pairwise([*argv, '']):
    if found := re.fullmatch(r'--?config(?:=(.*))?', option):
      return following if found[1] is None else found[1]
  return str(values['config'].default_unparsed)


def _near(name: str, file: str) -> list[str]:
  """Returns the fields of a config, of any section, whose name is near."""
  fields = run_config.flatten(load(file, []).to_dict())
  by_last: dict[str, list[str]] = {}
  for field in fields:
    by_last.setdefault(field.rsplit('.', 1)[-1], []).append(field)
  names = difflib.get_close_matches(name, by_last, _MOST_NEAR, cutoff=0.7)
  near = [field for last in names for field in by_last[last]]
  return near[:_MOST_NEAR]
