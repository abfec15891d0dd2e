"""The fast network is the plain one: same parameters, values and gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from manloc_jax import models
from manloc_jax.benchmarks import plain
from manloc_jax.models import convolution
from manloc_jax.training import losses
from manloc_jax.training import microbatch
from manloc_jax.training import sharding

FIELDS = [
    pytest.param({}, marks=pytest.mark.slow),
    {'lstm_hidden': (64, 64, 64), 'conv2_filters': 4, 'head': 'mean'},
    pytest.param(
        {'lstm_hidden': (32, 64), 'conv45_kernel': 1, 'block_order': 'hilbert'},
        marks=pytest.mark.slow,
    ),
]


def networks(fields):
  small = {'conv3_filters': 8, 'conv4_filters': 8, **fields}
  return models.ConvLSTMConv(**small), plain.PlainNetwork(**small)


def batch(seed=0):
  rng = np.random.default_rng(seed)
  images = rng.integers(0, 256, (4, 64, 64, 3), np.uint8)
  masks = rng.integers(0, 2, (4, 64, 64), np.int32)
  return images, masks, rng.integers(0, 2, 4, np.int32)


def parameters(model):
  """Returns parameters without the zeros of fresh biases."""
  params = jax.jit(model.init)(jax.random.key(0), batch()[0])['params']
  rng = np.random.default_rng(1)
  return jax.tree.map(
      lambda p: p + rng.normal(scale=0.05, size=p.shape).astype(p.dtype), params
  )


def loss(model, params):
  images, masks, labels = batch()
  out = model.apply({'params': params}, images)
  terms = losses.joint_loss(
      patch_logits=out.patch_logits,
      mask_logits=out.mask_logits,
      labels=labels,
      masks=masks,
  )
  return terms['total'].mean(), out


def relative_error(got, want) -> float:
  got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
  return np.linalg.norm(got - want) / np.linalg.norm(want)


@pytest.mark.parametrize('fields', FIELDS)
def test_values_and_gradients_are_those_of_the_plain_network(fields):
  fast, slow = networks(fields)
  params = parameters(fast)
  shapes = functools.partial(jax.tree.map, jnp.shape)
  assert shapes(params) == shapes(parameters(slow))
  run = lambda model: jax.jit(
      jax.value_and_grad(functools.partial(loss, model), has_aux=True)
  )(params)
  (got_loss, got), got_grads = run(fast)
  (want_loss, want), want_grads = run(slow)
  assert relative_error(got_loss, want_loss) < 1e-5
  assert relative_error(got.patch_logits, want.patch_logits) < 1e-5
  assert relative_error(got.mask_logits, want.mask_logits) < 1e-5
  errors = jax.tree.map(relative_error, got_grads, want_grads)
  for path, error in jax.tree.leaves_with_path(errors):
    # Gradients of biases are sums that nearly cancel.
    is_bias = path[-1].key == 'bias'
    assert error < (2e-5 if is_bias else 5e-6), jax.tree_util.keystr(path)


@pytest.mark.slow
def test_bfloat16_is_close_and_keeps_parameters_in_float32():
  full = models.ConvLSTMConv(conv3_filters=8, conv4_filters=8)
  half = full.clone(dtype='bfloat16')
  params = parameters(full)
  run = lambda model: jax.jit(
      jax.value_and_grad(functools.partial(loss, model), has_aux=True)
  )(params)
  (_, want), want_grads = run(full)
  (_, got), got_grads = run(half)
  assert got.mask_logits.dtype == got.patch_logits.dtype == jnp.float32
  assert 1e-5 < relative_error(got.mask_logits, want.mask_logits) < 0.02
  assert {g.dtype for g in jax.tree.leaves(got_grads)} == {jnp.dtype('float32')}
  # Gradients of biases are sums that nearly cancel.
  kernels = lambda grads: [g for g in jax.tree.leaves(grads) if g.ndim > 1]
  errors = map(relative_error, kernels(got_grads), kernels(want_grads))
  assert max(errors) < 0.1


@pytest.mark.parametrize('side', [1, 3, 5])
@pytest.mark.parametrize('channels', [(3, 5), (5, 3), (2, 8), (8, 2)])
def test_convolutions_for_a_cpu_are_those_of_xla(channels, side):
  inputs, outputs = channels
  keys = jax.random.split(jax.random.key(0), 3)
  x = jax.random.normal(keys[0], (2, 6, 8, inputs))
  kernel = jax.random.normal(keys[1], (side, side, inputs, outputs))
  grad = jax.random.normal(keys[2], (2, 6, 8, outputs))
  plain_conv = lambda x, kernel: jax.lax.conv_general_dilated(
      x, kernel, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
  )
  want, pull_back = jax.vjp(plain_conv, x, kernel)
  got, got_pull_back = jax.vjp(convolution.convolve, x, kernel)
  for one, other in zip(
      (got, *got_pull_back(grad)), (want, *pull_back(grad)), strict=True
  ):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_a_gpu_is_given_plain_convolutions(dtype):
  model = models.ConvLSTMConv(conv3_filters=8, conv4_filters=8, dtype=dtype)
  params = parameters(model)
  exported = jax.export.export(
      jax.jit(jax.grad(lambda params: loss(model, params)[0])),
      platforms=['cuda'],
  )(params)
  text = exported.mlir_module()
  # Of each layer: the result, the gradient of the kernel and, but in the first
  # layer, that of the input.
  assert text.count('stablehlo.convolution') == 5 + 5 + 4


@pytest.mark.parametrize('size', [0, 1, 4, 5, 100])
def test_microbatches_change_neither_sums_nor_maps(size):
  x = np.arange(24.0, dtype=np.float32).reshape(12, 2)
  mesh = sharding.make_mesh(jax.devices()[:2])

  def local(x):
    total = microbatch.sum_over(lambda x: (x**2).sum(axis=0), x, size)
    return total[None], microbatch.map_over(lambda x: x + 1, x, size)

  spec = jax.sharding.PartitionSpec(sharding.DATA)
  totals, moved = jax.jit(
      jax.shard_map(local, mesh=mesh, in_specs=spec, out_specs=(spec, spec))
  )(x)
  np.testing.assert_array_equal(totals.sum(axis=0), (x**2).sum(axis=0))
  np.testing.assert_array_equal(moved, x + 1)
