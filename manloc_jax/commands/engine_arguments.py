"""Lets commands work on one machine or in a Ray cluster."""

import argparse
import contextlib
from typing import Any, TYPE_CHECKING

from manloc_jax import errors

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
  from manloc_jax.data import worker_pool
  from manloc_jax.localization import localizer as localizer_lib

LOCAL, RAY = 'local', 'ray'


def add_to(parser: argparse.ArgumentParser) -> None:
  """Adds `--engine` and `--address`."""
  parser.add_argument(
      '--engine',
      choices=(LOCAL, RAY),
      default=LOCAL,
      help='where the work is done: on this machine, or in a Ray cluster whose'
      ' machines share their files',
  )
  parser.add_argument(
      '--address',
      metavar='HOST:PORT',
      help='of the head of the Ray cluster; auto, the default, finds the one'
      ' that runs here or that RAY_ADDRESS names, and local starts one',
  )


def start(
    engine: str, address: str | None
) -> 'contextlib.AbstractContextManager[worker_pool.Engine]':
  """Returns a block in which the engine can be used.

  Args:
    engine: `local` or `ray`.
    address: Of the Ray cluster; None for `auto`.

  Raises:
    UserError: There is an address without a cluster; on entry, see
      `ray_pool.connect`.
  """
  from manloc_jax.data import worker_pool

  if engine == RAY:
    from manloc_jax.data import ray_pool

    return ray_pool.connect(address or 'auto')
  if address:
    raise errors.UserError(
        f'--address={address} is of a Ray cluster; add --engine=ray, or'
        ' leave it out.'
    )
  return contextlib.nullcontext(worker_pool.ordered_map)


def make_localizer(
    args: argparse.Namespace,
    method: str | None,
    workdir: str | None,
    **options: Any,
) -> 'localizer_lib.Localizer':
  """Makes a localizer that the workers of the engine can use.

  Args:
    args: With `engine`.
    method: As of `factory.make`, and so are the others.
    workdir: The same.
    **options: The same.

  Raises:
    UserError: See `factory.make`; or a device is asked for that the tasks of a
      cluster do not have.
  """
  from manloc_jax import run_config
  from manloc_jax.localization import factory

  if args.engine == LOCAL:
    return factory.make(method, workdir, **options)
  from manloc_jax.localization import portable

  if (device := options.get('device')) not in (None, 'cpu'):
    raise errors.UserError(
        f'--device={device} is not for --engine=ray, whose tasks compute on'
        ' one core each; leave one of the two out.'
    )
  method = method or factory.method_of(workdir)
  if method not in run_config.CLASSICAL:
    options['device'] = 'cpu'
  return portable.PortableLocalizer(
      {'method': method, 'workdir': workdir, **options}
  )
