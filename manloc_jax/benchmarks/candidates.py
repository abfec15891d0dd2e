"""Makes the candidates of this package that benchmarks measure."""

from collections.abc import Callable
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
import ml_collections
import numpy as np

from manloc_jax import models
from manloc_jax.benchmarks import plain
from manloc_jax.benchmarks import workload
from manloc_jax.data import compression
from manloc_jax.training import microbatch
from manloc_jax.training import sharding
from manloc_jax.training import state as state_lib
from manloc_jax.training import steps

_make_plain = functools.partial(
    models.make, kinds={'conv_lstm': plain.PlainNetwork}
)
NETWORKS: dict[str, Callable[..., Any]] = {
    'manloc_jax': models.make,
    'plain': _make_plain,
    'plain-lstm': functools.partial(_make_plain, plain_convolutions=False),
    'plain-convolutions': functools.partial(_make_plain, plain_lstm=False),
}
PRECISIONS = ('float32', 'tensorfloat32', 'bfloat16')

Run = Callable[[int], None]  # Repeats the work so often and waits for its end.


def make_step(
    config: ml_collections.ConfigDict,
    mode: str,
    *,
    precision: str,
    microbatch_size: int | None,
    network: str = 'manloc_jax',
) -> Run:
  """Makes a train step or a forward pass of a whole batch.

  Args:
    config: Config of the network, the optimizer and the batch.
    mode: `train` or `forward`.
    precision: One of `PRECISIONS`, of the products.
    microbatch_size: See `steps.make_train_step`.
    network: Key of `NETWORKS`.
  """
  mesh = start(config, precision)
  model = NETWORKS[network](**config.model)
  tx, _ = state_lib.make_optimizer(num_steps=config.num_steps, **config.optim)
  state = state_lib.create(model, tx, models.SIDE, jax.random.key(0))
  state = jax.device_put(state, sharding.replicated(mesh))
  batch = sharding.put_batch(workload.random_batch(config.batch_size), mesh)
  if mode == 'forward':
    predict = steps.make_predict_step(
        model, mesh, microbatch_size=microbatch_size
    )
    inputs = (batch['image'], batch['compression'])
    return repeat(lambda: predict(state.params, *inputs))
  step = steps.make_train_step(
      model, tx, mesh, loss=config.loss, microbatch_size=microbatch_size
  )

  def train():
    nonlocal state
    state, scalars = step(state, batch)
    return scalars

  return repeat(train)


def make_predict(config: ml_collections.ConfigDict, precision: str):
  """Makes `predict(images)`, as `steps.make_predict_step`, from the host.

  All patches are without a file: the speed does not depend on it.

  Args:
    config: See `make_step`.
    precision: See `make_step`.
  """
  params, model, mesh = make_network(config, precision)
  predict = steps.make_predict_step(model, mesh)

  def predict_images(images):
    compressed = np.tile(compression.NONE, (len(images), 1, 1, 1))
    return predict(params, *sharding.put_batch((images, compressed), mesh))

  return predict_images


def make_network(config: ml_collections.ConfigDict, precision: str):
  """Makes fresh parameters on all devices, their module and the mesh."""
  mesh = start(config, precision)
  model = models.make(config)
  shape = (1, models.SIDE, models.SIDE, 3)
  params = model.init(jax.random.key(0), jnp.zeros(shape))['params']
  return jax.device_put(params, sharding.replicated(mesh)), model, mesh


def make_part(
    config: ml_collections.ConfigDict,
    mode: str,
    part: str,
    *,
    precision: str,
    microbatch_size: int | None,
    network: str = 'manloc_jax',
) -> Run:
  """Makes one part of the network on a batch, alone, with its gradients.

  Args:
    config: See `make_step`.
    mode: See `make_step`.
    part: One of `workload.PARTS`.
    precision: See `make_step`.
    microbatch_size: See `make_step`.
    network: See `make_step`.
  """
  mesh = start(config, precision)
  model = NETWORKS[network](**config.model)
  if microbatch_size is None:
    microbatch_size = microbatch.default_size(mesh)
  images = workload.random_batch(config.batch_size)['image']
  params = model.init(jax.random.key(0), images[:1])['params']
  methods = {
      'convolutions': (model.read_blocks, images),
      'lstm': (_lstm, _noise(params['lstm']['layer1'], images, model)),
      'decoder': (model.decode, _noise(params['patch_head'], images, model)),
  }
  method, inputs = methods[part]

  def apply(params, x):
    return model.apply({'params': params}, x, method=method)

  return make_function(
      apply,
      params,
      inputs,
      mesh=mesh,
      mode=mode,
      microbatch_size=microbatch_size,
  )


def make_function(
    function: Callable,
    params,
    inputs,
    *,
    mesh,
    mode: str,
    microbatch_size: int,
) -> Run:
  """Makes a function of parameters and a batch, with gradients of both.

  Args:
    function: Maps parameters and examples to an array.
    params: Tree of arrays.
    inputs: Examples; the gradient of integers is not taken.
    mesh: Devices.
    mode: `train` or `forward`.
    microbatch_size: See `steps.make_train_step`.
  """
  wanted = (0, 1) if jnp.issubdtype(inputs.dtype, jnp.floating) else (0,)

  # Sums keep results from being left out; a barrier, from being part of them.
  add_up = lambda array: jax.lax.optimization_barrier(array).sum()

  def total(params, x):
    return add_up(function(params, x))

  def work(params, x):
    if mode == 'forward':
      return total(params, x)
    grads = jax.grad(total, wanted)(params, x)
    return grads[0], *map(add_up, grads[1:])

  def local(params, x):
    params = jax.lax.pcast(params, sharding.DATA, to='varying')
    sums = microbatch.sum_over(
        lambda x: work(params, x), x, microbatch_size
    )
    return jax.tree.map(lambda total: total[None], sums)

  mapped = jax.jit(
      jax.shard_map(
          local,
          mesh=mesh,
          in_specs=(P(), P(sharding.DATA)),
          out_specs=P(sharding.DATA),
      )
  )
  params = jax.device_put(params, sharding.replicated(mesh))
  inputs = sharding.put_batch(inputs, mesh)
  return repeat(lambda: mapped(params, inputs))


def _lstm(module, x):
  return module.lstm(x)


def _noise(parameters, images, model):
  """Makes inputs of a part: a sequence as wide as its first kernel is high."""
  kernel = parameters.get('input', parameters)['kernel']
  shape = (len(images), model.grid**2, kernel.shape[0])
  return 0.1 * jax.random.normal(jax.random.key(1), shape)


def make_peak(config: ml_collections.ConfigDict, precision: str) -> Run:
  """Makes a product of large square matrices, the most a device can do."""
  start(config, precision)
  dtype = jnp.bfloat16 if precision == 'bfloat16' else jnp.float32
  side = peak_side(jax.default_backend())
  matrix = jnp.ones((side, side), dtype) / side
  product = jax.jit(jnp.matmul)
  return repeat(lambda: product(matrix, matrix))


def peak_side(platform: str) -> int:
  """Returns the side of the matrices of `make_peak` on a kind of device."""
  return 2048 if platform == 'cpu' else 8192


def start(config: ml_collections.ConfigDict, precision: str):
  """Sets up JAX as a run does; returns the mesh."""
  jax.config.update(
      'jax_default_matmul_precision',
      'float32' if precision == 'bfloat16' else precision,
  )
  if precision == 'bfloat16':
    config.model.dtype = 'bfloat16'
  return sharding.make_mesh()


def repeat(function: Callable) -> Run:
  """Makes a run that calls a function and waits for its last result."""

  def run(repeats: int) -> None:
    for _ in range(repeats):
      result = function()
    jax.block_until_ready(result)

  return run
