"""The same network in PyTorch gives the same outputs and gradients."""

import jax
import numpy as np
import pytest

from manloc_jax import models
from manloc_jax.training import losses

torch = pytest.importorskip('torch', reason='PyTorch is not installed.')
from manloc_jax.benchmarks import torch_peer  # noqa: E402

MODEL = models.ConvLSTMConv(dtype='float64')


def relative_error(got, want) -> float:
  got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
  return np.linalg.norm(got - want) / np.linalg.norm(want)


def test_outputs_and_gradients_agree_with_pytorch():
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (2, 64, 64, 3), np.uint8)
  masks = rng.integers(0, 2, (2, 64, 64)).astype(np.int32)
  labels = np.array([0, 1], np.int32)
  init = models.ConvLSTMConv().init
  params = init(jax.random.key(0), images)['params']
  # Biases start at zero, where an error in their use would not show.
  params = jax.tree.map(
      lambda p: p + 0.05 * rng.normal(size=p.shape).astype(np.float32)
      if p.ndim == 1 else p,
      params,
  )

  def loss_fn(params):
    out = MODEL.apply({'params': params}, images)
    loss = losses.joint_loss(
        patch_logits=out.patch_logits,
        mask_logits=out.mask_logits,
        labels=labels,
        masks=masks,
    )['total'].mean()
    return loss, out

  # In double precision, so that only a wrong formula can make a difference.
  with jax.enable_x64(True):
    params = jax.tree.map(lambda p: np.asarray(p, np.float64), params)
    (loss, out), grads = jax.jit(jax.value_and_grad(loss_fn, has_aux=True))(
        params
    )
  net = torch_peer.Network(MODEL).double()
  net.load(params)
  patch, mask = net(torch.tensor(images))
  cross_entropy = torch.nn.functional.cross_entropy
  torch_loss = cross_entropy(
      patch, torch.tensor(labels, dtype=torch.long)
  ) + cross_entropy(
      mask, torch.tensor(masks, dtype=torch.long)
  )
  torch_loss.backward()

  assert relative_error(loss, torch_loss.item()) < 1e-4
  assert relative_error(out.patch_logits, patch.detach()) < 1e-4
  assert relative_error(
      out.mask_logits, mask.detach().permute(0, 2, 3, 1)
  ) < 1e-4
  for name in ('conv1', 'conv2', 'conv3', 'conv4', 'conv5'):
    layer = getattr(net, name)
    kernel = layer.weight.grad.permute(2, 3, 1, 0)
    assert relative_error(grads[name]['kernel'], kernel) < 1e-4, name
    assert relative_error(grads[name]['bias'], layer.bias.grad) < 1e-4
  for number, (module, layer) in enumerate(net.lstm_layers()):
    ours = grads['lstm'][f'layer{number + 1}']
    for got, name in (
        (ours['input']['kernel'], 'weight_ih'),
        (ours['recurrent']['kernel'], 'weight_hh'),
        (ours['input']['bias'], 'bias_ih'),
    ):
      theirs = net.get_parameter(f'{module}.{name}_l{layer}').grad.numpy().T
      assert relative_error(got, theirs) < 1e-4, (number, name)
