"""Flags of the main job for `--mode=prepare` on many machines."""

import argparse
from typing import Any

from absl import flags

from manloc_jax import argument_types
from manloc_jax import errors
from manloc_jax.commands import engine_arguments

_ENGINE = flags.DEFINE_enum(
    'engine',
    engine_arguments.LOCAL,
    [engine_arguments.LOCAL, engine_arguments.RAY],
    'Where --mode=prepare works: on this machine, or in a Ray cluster.',
)
_ADDRESS = flags.DEFINE_string(
    'address', None, 'HOST:PORT of the head of the Ray cluster; default auto.'
)
_SHARD = flags.DEFINE_string(
    'shard', None, 'I/N: --mode=prepare does job I of an array of N jobs.'
)
_MERGE = flags.DEFINE_integer(
    'merge',
    None,
    'N: --mode=prepare writes the set from the N jobs of an array.',
    lower_bound=1,
)


def values() -> dict[str, Any]:
  """Returns the arguments of `preparation.prepare` that the flags give.

  Raises:
    UserError: `--shard` is something else.
  """
  try:
    shard = argument_types.shard(_SHARD.value) if _SHARD.value else None
  except argparse.ArgumentTypeError as error:
    raise errors.UserError(f'--shard cannot be used: {error}.') from error
  return {
      'engine': _ENGINE.value,
      'address': _ADDRESS.value,
      'shard': shard,
      'merge': _MERGE.value,
  }


def check_unused() -> None:
  """Raises UserError where a flag is given, which other modes would ignore."""
  given = [
      flag.name
      for flag in (_ENGINE, _ADDRESS, _SHARD, _MERGE)
      if flag.present
  ]
  if given:
    raise errors.UserError(
        f'--{given[0]} is for --mode=prepare alone; prepare the set with it'
        ' first, and leave it out here.'
    )
