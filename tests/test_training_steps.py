import contextlib
import functools

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from small import batch
from small import MODEL
from small import SIDE

from manloc_jax import errors
from manloc_jax import models
from manloc_jax.metrics import histogram
from manloc_jax.metrics import summary
from manloc_jax.training import eval_step
from manloc_jax.training import losses
from manloc_jax.training import sharding
from manloc_jax.training import state as state_lib
from manloc_jax.training import steps


def new_state(tx, mesh):
  create = jax.jit(functools.partial(state_lib.create, MODEL, tx, SIDE))
  return jax.device_put(create(jax.random.key(0)), sharding.replicated(mesh))


@pytest.mark.parametrize(
    'n_devices',
    [pytest.param(1, marks=pytest.mark.slow), 2, 4],
)
def test_step_is_plain_gradient_descent_on_any_devices(n_devices):
  tx = optax.sgd(0.1)
  mesh = sharding.make_mesh(jax.devices()[:n_devices])
  state = new_state(tx, mesh)
  data = batch(8, padding=1)

  def plain(params):  # One device, no collectives, the padding cut off.
    out = MODEL.apply({'params': params}, data['image'][:7])
    return losses.joint_loss(
        patch_logits=out.patch_logits,
        mask_logits=out.mask_logits,
        labels=data['label'][:7],
        masks=data['mask'][:7].astype(np.int32),
    )['total'].mean()

  before = jax.device_get(state.params)
  loss, grads = jax.jit(jax.value_and_grad(plain))(before)
  want = jax.tree.map(lambda p, g: p - 0.1 * g, before, grads)
  step = steps.make_train_step(MODEL, tx, mesh)
  state, scalars = step(state, sharding.put_batch(data, mesh))
  chex.assert_trees_all_close(jax.device_get(state.params), want, atol=1e-6)
  assert float(scalars['total']) == pytest.approx(float(loss), 1e-5)
  assert int(state.step) == 1


@pytest.mark.slow
def test_steps_on_one_batch_fit_it():
  tx, _ = state_lib.make_optimizer(learning_rate=1e-2, num_steps=40)
  mesh = sharding.make_mesh(jax.devices()[:1])
  step = steps.make_train_step(MODEL, tx, mesh)
  state = new_state(tx, mesh)
  data = sharding.put_batch(batch(8), mesh)
  losses_seen = []
  for _ in range(40):
    state, scalars = step(state, data)
    losses_seen.append(float(scalars['patch']))
  assert losses_seen[-1] < 0.5 * losses_seen[0]


@contextlib.contextmanager
def no_compilation():
  """Fails if XLA compiles anything inside the block."""
  seen = []

  def note(name, seconds, **unused):
    seen.append(name)

  jax.monitoring.register_event_duration_secs_listener(note)
  try:
    yield
  finally:
    jax.monitoring.unregister_event_duration_listener(note)
  assert '/jax/core/compile/backend_compile_duration' not in seen


@pytest.mark.slow
def test_steps_compile_once():
  mesh = sharding.make_mesh()
  tx, _ = state_lib.make_optimizer(
      learning_rate=1e-3, num_steps=10, warmup_steps=2, clip_norm=1.0
  )
  step = steps.make_train_step(MODEL, tx, mesh, symmetries=True)
  count = eval_step.make_eval_step(MODEL, mesh)
  state = new_state(tx, mesh)
  zeros = eval_step.make_zero_totals(mesh, bins=8, side=SIDE)
  add = eval_step.make_sum_totals(mesh)
  totals = zeros(3)
  batches = [sharding.put_batch(batch(8, seed=s), mesh) for s in range(3)]
  state, _ = step(state, batches[0])
  add(count(state.params, totals, batches[0]))
  with no_compilation():
    for data in batches[1:]:
      state, _ = step(state, data)
      totals = count(state.params, zeros(3), data)
      summed = add(totals)
    jax.block_until_ready((state, summed))


@pytest.mark.parametrize('n_devices', [1, 4])
def test_totals_count_each_example_once(n_devices):
  mesh = sharding.make_mesh(jax.devices()[:n_devices])
  state = new_state(optax.sgd(0.1), mesh)
  data = [batch(8, seed=1), batch(8, padding=3, seed=2)]
  step = eval_step.make_eval_step(MODEL, mesh)
  totals = eval_step.make_zero_totals(mesh, bins=64, side=SIDE)(3)
  for part in data:
    totals = step(state.params, totals, sharding.put_batch(part, mesh))
  totals = jax.device_get(eval_step.make_sum_totals(mesh)(totals))

  whole = {
      k: np.concatenate([data[0][k], data[1][k][:5]]) for k in data[0]
  }
  params = jax.device_get(state.params)
  out = jax.jit(MODEL.apply)({'params': params}, whole['image'])
  pixels = jax.nn.softmax(out.mask_logits)[..., 1]
  patches = jax.nn.softmax(out.patch_logits)[..., 1]
  for image in range(3):
    of = whole['image_index'] == image
    want = histogram.histogram(
        pixels[of].ravel(),
        whole['mask'][of].ravel().astype(np.int32),
        jnp.zeros(of.sum() * SIDE * SIDE, jnp.int32),
        (1, 64),
    )[0]
    # A score within rounding of a bin's edge may fall on either side.
    assert abs(totals.pixels[image] - want).sum() <= 4
    np.testing.assert_array_equal(
        totals.pixels[image].sum(axis=1), want.sum(axis=1)
    )
  assert totals.patches.sum() == 13
  assert totals.patches[0, 1].sum() == whole['label'].sum()
  np.testing.assert_array_equal(totals.positives, whole['mask'].sum(axis=0))
  loss = -np.log(np.where(whole['label'] == 1, patches, 1 - patches))
  np.testing.assert_allclose(totals.loss[0], loss.sum(), rtol=1e-4)
  assert totals.loss[2] == 13


def test_prediction_keeps_order_over_devices():
  mesh = sharding.make_mesh()
  state = new_state(optax.sgd(0.1), mesh)
  data = batch(8)
  images, tables = data['image'], data['compression']
  predict = steps.make_predict_step(MODEL, mesh)
  patch, pixel = predict(
      state.params, *sharding.put_batch((images, tables), mesh)
  )
  assert patch.shape == (8,) and pixel.shape == (8, SIDE, SIDE)
  params = jax.device_get(state.params)
  alone = jax.jit(MODEL.apply)({'params': params}, images[3:4])
  want = jax.nn.softmax(alone.mask_logits)[0, ..., 1]
  np.testing.assert_allclose(pixel[3], want, atol=1e-6)


class Tables(nn.Module):
  """A network of one parameter whose logits tell the mean of the table."""

  @nn.compact
  def __call__(self, images, compression=None, *, train=False):
    scale = self.param('scale', nn.initializers.ones, ())
    mean = jnp.zeros(len(images))
    if compression is not None:
      steps_mean = compression[..., 0].astype(jnp.float32).mean((1, 2))
      mean = scale * steps_mean / 255
    patch = jnp.stack([0 * mean, mean], axis=-1)
    shape = (*images.shape[:3], 2)
    return models.Outputs(
        patch_logits=patch,
        mask_logits=jnp.broadcast_to(patch[:, None, None], shape),
    )


def test_every_step_hands_the_tables_to_the_network():
  mesh, model, tx = sharding.make_mesh(), Tables(), optax.sgd(0.1)
  data = batch(8)
  data['compression'][..., 0] = 30 * np.arange(1, 9).reshape(8, 1, 1)
  want = jax.nn.sigmoid(30 * np.arange(1, 9) / 255)
  state = state_lib.create(model, tx, SIDE, jax.random.key(0))
  state = jax.device_put(state, sharding.replicated(mesh))
  on_devices = sharding.put_batch(data, mesh)
  predict = steps.make_predict_step(model, mesh, microbatch_size=1)
  patch, pixel = predict(
      state.params, on_devices['image'], on_devices['compression']
  )
  np.testing.assert_allclose(patch, want, atol=1e-6)
  np.testing.assert_allclose(pixel[:, 3, 5], want, atol=1e-6)
  zeros = eval_step.make_zero_totals(mesh, bins=8, side=SIDE)(3)
  count = eval_step.make_eval_step(model, mesh, microbatch_size=1)
  totals = eval_step.make_sum_totals(mesh)(
      count(state.params, zeros, on_devices)
  )
  loss = -np.log(np.where(data['label'] == 1, want, 1 - want))
  assert float(totals.loss[0]) == pytest.approx(float(loss.sum()), rel=1e-5)
  step = steps.make_train_step(model, tx, mesh, symmetries=True)
  _, scalars = step(state, on_devices)
  assert float(scalars['patch']) == pytest.approx(float(loss.mean()), rel=1e-5)
  assert float(scalars['grad_norm']) > 0


def test_batch_that_does_not_split_is_refused():
  with pytest.raises(errors.UserError, match='batch_size'):
    sharding.check_batch_size(6, sharding.make_mesh())


def test_validation_reports_the_loss_that_training_minimizes():
  mesh = sharding.make_mesh()
  weights = {
      'patch_weight': 0.5,
      'mask_weight': 2.0,
      'patch_class_weights': (1.0, 4.0),
      'pixel_class_weights': (3.0, 1.0),
  }
  state = new_state(optax.sgd(0.1), mesh)
  data = sharding.put_batch(batch(8, padding=3), mesh)
  zeros = eval_step.make_zero_totals(mesh, bins=8, side=SIDE)(3)
  count = eval_step.make_eval_step(MODEL, mesh, loss=weights)
  totals = eval_step.make_sum_totals(mesh)(count(state.params, zeros, data))
  step = steps.make_train_step(MODEL, optax.sgd(0.1), mesh, loss=weights)
  _, trained = step(state, data)
  objective = summary.objective(jax.device_get(totals))
  assert objective.keys() < trained.keys()
  for name, value in objective.items():
    assert value == pytest.approx(float(trained[name]), rel=1e-5), name
  plain_sum = objective['patch'] + objective['mask']
  assert objective['total'] != pytest.approx(plain_sum)


def test_scores_that_are_not_finite_are_counted_apart():
  mesh = sharding.make_mesh()
  state = new_state(optax.sgd(0.1), mesh)
  broken = jax.tree.map(lambda x: x * jnp.nan, state.params)
  zeros = eval_step.make_zero_totals(mesh, bins=8, side=SIDE)(3)
  data = sharding.put_batch(batch(8, padding=3), mesh)
  count = eval_step.make_eval_step(MODEL, mesh)
  totals = eval_step.make_sum_totals(mesh)(count(broken, zeros, data))
  assert totals.non_finite.tolist() == [5, 5 * SIDE * SIDE]
  assert not totals.patches.any() and not totals.pixels.any()
