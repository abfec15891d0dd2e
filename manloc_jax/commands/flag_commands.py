"""Runs the commands that have absl flags: `python -m manloc_jax.main`, ..."""

from collections.abc import Callable, Sequence
import functools

from absl import app
from absl import flags

from manloc_jax.commands import config_files
from manloc_jax.commands import exit_codes


def run(
    main: Callable[[list[str]], None],
    *,
    required: Sequence[str] = (),
    known_only: bool = False,
    when_interrupted: str = 'The same command starts anew.',
) -> int:
  """Runs the command line of this process.

  Args:
    main: Gets the name of the command and the arguments that are no flags.
    required: Flags that must be given.
    known_only: Whether unknown flags are passed on to `main`.
    when_interrupted: See `exit_codes.run`.

  Returns:
    The exit code.
  """
  # Not where they are defined: tests load several commands at once.
  flags.mark_flags_as_required(required)
  parse = functools.partial(config_files.parse, known_only=known_only)
  return exit_codes.run(
      lambda: app.run(main, flags_parser=parse), lambda: when_interrupted
  )
