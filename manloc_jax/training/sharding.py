"""Makes the mesh of devices, with one axis, and places arrays on it."""

import collections
from collections.abc import Iterable, Iterator
import os
import sys
import tempfile
from typing import Any
import warnings

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from manloc_jax import errors

DATA = 'data'  # The one mesh axis: examples.


def enable_compilation_cache() -> None:
  """Keeps compiled programs for later commands, in JAX's persistent cache.

  The cache is JAX_COMPILATION_CACHE_DIR or in ~/.cache. Where that cannot be
  written, a sentence on standard error says so and every program is compiled.
  """
  config: Any = jax.config  # Its fields are made at run time.
  cache = config.jax_compilation_cache_dir
  cache = cache or os.path.expanduser('~/.cache/manloc_jax/xla')
  try:
    os.makedirs(cache, exist_ok=True)
    with tempfile.TemporaryFile(dir=cache):
      config.update('jax_compilation_cache_dir', cache)
  except OSError as error:
    config.update('jax_compilation_cache_dir', None)
    print(
        f'Compiled programs are not kept: {cache!r} cannot be written'
        f' ({error.strerror}); set JAX_COMPILATION_CACHE_DIR to a folder that'
        ' can.',
        file=sys.stderr,
    )
  # A damaged entry or a full disk only costs the time of compiling.
  warnings.filterwarnings('ignore', 'Error (reading|writing) persistent comp')


def local_devices(kind: str | None = None) -> list[jax.Device]:
  """Returns this process's devices.

  Args:
    kind: Such as `cpu` or `gpu`; the best by default.

  Raises:
    UserError: There is none of the kind.
  """
  try:
    return jax.local_devices(backend=kind)
  except RuntimeError as error:
    raise errors.UserError(
        f'There is no device of the kind {kind!r} here, only'
        f' {jax.default_backend()!r}; choose that one or leave it out.'
    ) from error


def make_mesh(devices=None) -> Mesh:
  """Returns a 1-D mesh over `devices`, by default all of all processes.

  A CPU is one device, whatever its cores. A device per core is a tenth faster,
  but a thread that waits in a sum over devices is missing where the products
  of another device wait for threads, and training then hangs for good.
  """
  devices = devices or jax.devices()
  # Auto, because `make_mesh` now defaults to Explicit, and explicit shardings
  # appear in array types, which Linen's scans do not expect.
  return jax.make_mesh(
      (len(devices),), (DATA,), (AxisType.Auto,), devices=devices
  )


def replicated(mesh: Mesh) -> NamedSharding:
  """The sharding of parameters: a full copy on each device."""
  return NamedSharding(mesh, PartitionSpec())


def replicate(tree: Any, mesh: Mesh) -> Any:
  """Copies arrays that every process has to all devices."""
  # By the host, for arrays on one process's device reach no other process's.
  return jax.device_put(jax.device_get(tree), replicated(mesh))


def sharded(mesh: Mesh) -> NamedSharding:
  """The sharding of a batch: its first axis is split over the devices."""
  return NamedSharding(mesh, PartitionSpec(DATA))


def put_batch(batch: Any, mesh: Mesh) -> Any:
  """Makes global arrays of this process's shard of a batch of NumPy arrays."""
  sharding = sharded(mesh)
  return jax.tree.map(
      lambda x: jax.make_array_from_process_local_data(sharding, x), batch
  )


def prefetch(batches: Iterable, mesh: Mesh, ahead: int = 2) -> Iterator:
  """Puts batches on the devices a few steps before they are asked for."""
  queue: collections.deque = collections.deque()
  for batch in batches:
    queue.append(put_batch(batch, mesh))
    if len(queue) > ahead:
      yield queue.popleft()
  yield from queue


def check_batch_size(batch_size: int, mesh: Mesh) -> None:
  """Raises UserError unless the global batch splits evenly over the mesh."""
  if batch_size % mesh.size:
    raise errors.UserError(
        f'A batch of {batch_size} does not split over {mesh.size} devices; set'
        ' --config.batch_size and --config.eval.batch_size to multiples of'
        f' {mesh.size}.'
    )
