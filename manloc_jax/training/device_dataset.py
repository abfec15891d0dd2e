"""Keeps the training patches in device memory and gathers batches there.

Each device holds one block of the patches and gathers its shard of a batch from
it, so that no pixel travels between devices, or from the host, at a step.
"""

from collections.abc import Iterator
import itertools
import os
import sys

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
import numpy as np

from manloc_jax import errors
from manloc_jax.data.storage import arrays
from manloc_jax.data.storage import prepared_set
from manloc_jax.training import sharding

FIELDS = ('image', 'mask', 'label', 'compression')
# Fraction of a device's memory; the network and its activations need the rest.
MEMORY_FRACTION = 0.75
# Random stream of the seed; `state.create` uses 0 and 1.
_ORDER = 2

Batch = dict[str, jax.Array]


def train_batches(
    prepared: prepared_set.PreparedSet,
    mesh: Mesh,
    *,
    split: str = 'train',
    batch_size: int,
    seed: int,
    start_step: int = 0,
) -> Iterator[Batch]:
  """Loads a split at once and returns shuffled batches for ever.

  The order is a function of the seed, the epoch and the number of devices, so
  that batches from step n on are those of an uninterrupted run. An
  epoch ends with its last full batch: the rest, different patches in each
  epoch, is dropped.

  Args:
    prepared: The prepared set, of arrays.
    mesh: Devices.
    split: The split.
    batch_size: Patches over all devices.
    seed: Fixes the order.
    start_step: Batches to skip.

  Returns:
    Batches on the devices, split over them: `image` uint8[batch, 64, 64, 3],
    `mask` uint8[batch, 64, 64], `compression`
    uint8[batch, 8, 8, 34], `label` i32[batch] and `weight` f32[batch], all
    one.

  Raises:
    DataError: There are too few patches, or a file is damaged.
    UserError: The split does not fit into the devices' memory.
  """
  steps = prepared.epoch_steps(split, batch_size)
  stored = arrays.load(prepared, split)
  fields = {name: stored[name] for name in FIELDS}
  _check_memory(fields, mesh, f'The split {split} of {prepared.folder}')
  total = len(fields['label'])
  on_devices = {name: _put(array, mesh) for name, array in fields.items()}
  shuffle = _make_shuffle(mesh, total, seed)
  gather = _make_gather(mesh, batch_size)

  def batches():
    for step in itertools.count(start_step):
      epoch, epoch_step = divmod(step, steps)
      if epoch_step == 0 or step == start_step:
        order = shuffle(epoch)
      yield gather(on_devices, order, epoch_step)

  return batches()


def _put(array: np.ndarray, mesh: Mesh) -> jax.Array:
  """Splits an array into a block per device, padded to equally many rows."""
  blocks = np.array_split(array, mesh.size)  # Views: nothing is read yet.
  rows = len(blocks[0])

  def block(index):
    own = np.asarray(blocks[(index[0].start or 0) // rows])
    if len(own) == rows:
      return own  # Without a copy in the host's memory.
    return np.concatenate([own, np.zeros((1, *own.shape[1:]), own.dtype)])

  shape = (rows * mesh.size, *array.shape[1:])
  return jax.make_array_from_callback(shape, sharding.sharded(mesh), block)


def _make_shuffle(mesh: Mesh, total: int, seed: int):
  """Returns `shuffle(epoch) -> i32[rows]`: the order of each device's rows."""
  rows = -(-total // mesh.size)

  def local_shuffle(epoch):
    """Returns the order of the rows of one device."""
    device = jax.lax.axis_index(sharding.DATA)
    key = jax.random.fold_in(jax.random.key(seed), _ORDER)
    key = jax.random.fold_in(jax.random.fold_in(key, epoch), device)
    order = jax.random.permutation(key, rows)
    # As `np.array_split` cuts rows. Padding comes last, which no epoch reaches:
    # every device has as many rows as it needs.
    own = total // mesh.size + (device < total % mesh.size)
    return order[jnp.argsort(order >= own)]

  return jax.jit(
      jax.shard_map(
          local_shuffle, mesh=mesh, in_specs=P(), out_specs=P(sharding.DATA)
      )
  )


def _make_gather(mesh: Mesh, batch_size: int):
  """Returns `gather(fields, order, epoch_step)`: a batch of an epoch."""
  size = batch_size // mesh.size

  def local_gather(fields, order, epoch_step):
    rows = jax.lax.dynamic_slice_in_dim(order, epoch_step * size, size)
    batch = {name: array[rows] for name, array in fields.items()}
    return {**batch, 'weight': jnp.ones(size, jnp.float32)}

  return jax.jit(
      jax.shard_map(
          local_gather,
          mesh=mesh,
          in_specs=(P(sharding.DATA), P(sharding.DATA), P()),
          out_specs=P(sharding.DATA),
      )
  )


def _check_memory(
    fields: dict[str, np.ndarray], mesh: Mesh, name: str
) -> None:
  """Raises UserError unless a split fits into the devices' memory."""
  total = len(fields['label'])
  bytes_each = sum(array[:1].nbytes for array in fields.values())
  rows = -(-total // mesh.size)
  limit = int(MEMORY_FRACTION * _device_memory(mesh))
  if rows * bytes_each > limit:
    raise errors.UserError(
        f'{name} has {total} patches, {rows * bytes_each / 1e9:.2f} GB on each'
        f' of {mesh.size} devices, but only {limit / 1e9:.2f} GB, or'
        f' {limit // bytes_each * mesh.size} patches on all of them, fit; use'
        ' more devices, or set --config.data.backend=tfrecord.'
    )


def _device_memory(mesh: Mesh) -> int:
  """Returns the bytes of the smallest device of this process."""
  devices = mesh.local_devices
  # Devices that know no limit share the memory of the machine.
  machine = _machine_memory()
  stats = [device.memory_stats() or {} for device in devices]
  return min(
      one.get('bytes_limit', machine // len(devices)) for one in stats
  )


def _machine_memory() -> int:
  """Returns the bytes of this machine; no limit where nothing tells them."""
  try:
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
  except (AttributeError, OSError, ValueError):
    return sys.maxsize  # Not every system has these names.
