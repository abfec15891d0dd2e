"""A device's batch in chunks, so that what a chunk makes stays in the cache.

The maps of the network are a hundred times larger than the patches. On a CPU
they outgrow the cache from some ten patches on, and memory then decides the
speed. A few patches at a time are faster, and bound the memory as well.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from manloc_jax.training import sharding

_CPU_PATCHES = 8  # Enough for the products of the LSTM to be efficient.


def suited_to(mesh: Mesh) -> int:
  """Returns the patches in a chunk, or 0 for devices that take all at once."""
  return _CPU_PATCHES if mesh.devices.flat[0].platform == 'cpu' else 0


def sum_over(function: Callable[[Any], Any], batch: Any, size: int) -> Any:
  """Adds up `function(chunk)` over the chunks of a batch, under `shard_map`.

  Args:
    function: Maps a chunk to a tree of arrays, sums over its examples.
    batch: Tree of arrays whose first axis counts the examples.
    size: Most examples in a chunk; 0 does not cut.

  Returns:
    The tree of sums.
  """
  chunks = _cut(batch, size)
  if chunks is None:
    return function(batch)

  def step(total, chunk):
    return jax.tree.map(jnp.add, total, function(chunk)), None

  first = jax.tree.map(lambda x: x[0], chunks)
  zeros = jax.tree.map(_zeros, jax.eval_shape(function, first))
  return jax.lax.scan(step, zeros, chunks)[0]


def map_over(function: Callable[[Any], Any], batch: Any, size: int) -> Any:
  """Returns `function(batch)`, computed chunk by chunk.

  Args:
    function: Maps examples to a tree of arrays with the same first axis.
    batch: Tree of arrays whose first axis counts the examples.
    size: Most examples in a chunk; 0 does not cut.
  """
  chunks = _cut(batch, size)
  if chunks is None:
    return function(batch)
  results = jax.lax.map(function, chunks)
  return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), results)


def _cut(batch: Any, size: int) -> Any | None:
  """Returns chunks [number, examples, ...] of one size; None without a cut."""
  count = jax.tree.leaves(batch)[0].shape[0]
  if not size or count <= size:
    return None
  # All alike, so that the loop is one program.
  size = max(n for n in range(1, size + 1) if count % n == 0)
  return jax.tree.map(lambda x: x.reshape(-1, size, *x.shape[1:]), batch)


def _zeros(shape: jax.ShapeDtypeStruct) -> jax.Array:
  # What is added to them varies over the devices, and so must they.
  zeros = jnp.zeros(shape.shape, shape.dtype)
  return jax.lax.pcast(zeros, sharding.DATA, to='varying')
