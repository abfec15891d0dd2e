"""Computes a device's batch in microbatches, whose activations fit its cache.

The maps of the network are a hundred times larger than the patches. On a CPU
they outgrow the cache from some ten patches on, and memory bandwidth then
decides the speed. A few patches at a time are faster, and bound the memory as
well.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from manloc_jax.training import sharding

_CPU_SIZE = 8  # Patches; enough for the products of the LSTM to be efficient.


def default_size(mesh: Mesh) -> int:
  """Returns the fastest microbatch size, 0 for the whole batch at once."""
  return _CPU_SIZE if mesh.devices.flat[0].platform == 'cpu' else 0


def sum_over(function: Callable[[Any], Any], batch: Any, size: int) -> Any:
  """Adds up `function(microbatch)` over a batch, under `shard_map`.

  Args:
    function: Maps a microbatch to a tree of arrays, sums over its examples.
    batch: Tree of arrays whose first axis counts the examples.
    size: Most examples in a microbatch; 0 keeps the batch whole.

  Returns:
    The tree of sums.
  """
  microbatches = _split(batch, size)
  if microbatches is None:
    return function(batch)

  def step(total, microbatch):
    return jax.tree.map(jnp.add, total, function(microbatch)), None

  first = jax.tree.map(lambda x: x[0], microbatches)
  zeros = jax.tree.map(_zeros, jax.eval_shape(function, first))
  return jax.lax.scan(step, zeros, microbatches)[0]


def map_over(function: Callable[[Any], Any], batch: Any, size: int) -> Any:
  """Returns `function(batch)`, computed one microbatch after the other.

  Args:
    function: Maps examples to a tree of arrays with the same first axis.
    batch: Tree of arrays whose first axis counts the examples.
    size: Most examples in a microbatch; 0 keeps the batch whole.
  """
  microbatches = _split(batch, size)
  if microbatches is None:
    return function(batch)
  results = jax.lax.map(function, microbatches)
  return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), results)


def _split(batch: Any, size: int) -> Any | None:
  """Returns microbatches [number, examples, ...]; None for a whole batch."""
  count = jax.tree.leaves(batch)[0].shape[0]
  if not size or count <= size:
    return None
  # All of one size, so that the loop is one program.
  size = max(n for n in range(1, size + 1) if count % n == 0)
  return jax.tree.map(lambda x: x.reshape(-1, size, *x.shape[1:]), batch)


def _zeros(shape: jax.ShapeDtypeStruct) -> jax.Array:
  # What is added to them varies over the devices, and so must they.
  zeros = jnp.zeros(shape.shape, shape.dtype)
  return jax.lax.pcast(zeros, sharding.DATA, to='varying')
