"""The same network in PyTorch gives the same outputs and gradients."""

import jax
import numpy as np
import pytest

from manloc_jax import losses
from manloc_jax import models

torch = pytest.importorskip('torch', reason='PyTorch is not installed.')

MODEL = models.JConvLSTMConv()


def torch_network(params):
  """Builds the default network with these weights, in double precision."""
  tensor = lambda x: torch.tensor(np.asarray(x), dtype=torch.float64)

  def conv(name):
    kernel = tensor(params[name]['kernel'])
    height, width, inputs, outputs = kernel.shape
    layer = torch.nn.Conv2d(inputs, outputs, (height, width), padding='same')
    layer.weight.data = kernel.permute(3, 2, 0, 1).contiguous()
    layer.bias.data = tensor(params[name]['bias'])
    return layer.double()

  def lstm(name, forget_bias):
    input_kernel = tensor(params['lstm'][name]['input']['kernel'])
    recurrent = tensor(params['lstm'][name]['recurrent']['kernel'])
    features, hidden = input_kernel.shape[0], recurrent.shape[0]
    layer = torch.nn.LSTM(features, hidden, batch_first=True).double()
    layer.weight_ih_l0.data = input_kernel.T.contiguous()
    layer.weight_hh_l0.data = recurrent.T.contiguous()
    bias = tensor(params['lstm'][name]['input']['bias'])
    bias[hidden : 2 * hidden] += forget_bias
    layer.bias_ih_l0.data = bias
    layer.bias_hh_l0.data = torch.zeros_like(bias)
    return layer

  head = torch.nn.Linear(256, 2).double()
  head.weight.data = tensor(params['patch_head']['kernel']).T.contiguous()
  head.bias.data = tensor(params['patch_head']['bias'])
  return torch.nn.ModuleDict({
      **{name: conv(name) for name in params if name.startswith('conv')},
      **{name: lstm(name, MODEL.forget_bias) for name in params['lstm']},
      'patch_head': head,
  })


def torch_forward(net, images):
  x = torch.tensor(images, dtype=torch.float64) / 127.5 - 1
  x = torch.relu(net['conv1'](x.permute(0, 3, 1, 2)))
  x = torch.relu(net['conv2'](x))
  batch = x.shape[0]
  x = x.reshape(batch, 8, 8, 8, 8).permute(0, 1, 3, 2, 4)
  x = x.reshape(batch, 64, 64)
  for name in ('layer1', 'layer2', 'layer3'):
    x, _ = net[name](x)
  patch = net['patch_head'](x[:, -1])
  x = x.reshape(batch, 8, 8, 16, 16).permute(0, 1, 3, 2, 4)
  x = x.reshape(batch, 1, 128, 128)
  x = torch.max_pool2d(torch.relu(net['conv3'](x)), 2)
  x = net['conv5'](torch.relu(net['conv4'](x)))
  return patch, x.permute(0, 2, 3, 1)


def relative_error(got, want) -> float:
  got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
  return np.linalg.norm(got - want) / np.linalg.norm(want)


def test_outputs_and_gradients_agree_with_pytorch():
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (2, 64, 64, 3), np.uint8)
  masks = rng.integers(0, 2, (2, 64, 64)).astype(np.int32)
  labels = np.array([0, 1], np.int32)
  params = MODEL.init(jax.random.key(0), images)['params']
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
  net = torch_network(params)
  patch, mask = torch_forward(net, images)
  cross_entropy = torch.nn.functional.cross_entropy
  torch_loss = cross_entropy(
      patch, torch.tensor(labels, dtype=torch.long)
  ) + cross_entropy(
      mask.reshape(-1, 2), torch.tensor(masks.ravel(), dtype=torch.long)
  )
  torch_loss.backward()

  assert relative_error(loss, torch_loss.item()) < 1e-4
  assert relative_error(out.patch_logits, patch.detach()) < 1e-4
  assert relative_error(out.mask_logits, mask.detach()) < 1e-4
  for name in ('conv1', 'conv2', 'conv3', 'conv4', 'conv5'):
    kernel = net[name].weight.grad.permute(2, 3, 1, 0)
    assert relative_error(grads[name]['kernel'], kernel) < 1e-4, name
    assert relative_error(grads[name]['bias'], net[name].bias.grad) < 1e-4
  for name, layer in grads['lstm'].items():
    peer = net[name]
    for ours, theirs in (
        (layer['input']['kernel'], peer.weight_ih_l0.grad.T),
        (layer['recurrent']['kernel'], peer.weight_hh_l0.grad.T),
        (layer['input']['bias'], peer.bias_ih_l0.grad),
    ):
      assert relative_error(ours, theirs) < 1e-4, name
  ours, theirs = grads['patch_head'], net['patch_head']
  assert relative_error(ours['kernel'], theirs.weight.grad.T) < 1e-4
  assert relative_error(ours['bias'], theirs.bias.grad) < 1e-4
