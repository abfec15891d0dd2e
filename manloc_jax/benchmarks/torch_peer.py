"""The joint network in PyTorch, a peer of the benchmarks and of a test."""

from collections.abc import Callable, Mapping
import itertools
from typing import Any

import ml_collections
import numpy as np
import torch
from torch import nn

from manloc_jax import models
from manloc_jax.benchmarks import workload


class Network(nn.Module):
  """`models.ConvLSTMConv` in PyTorch's own layers.

  Blocks are read row by row, the input is symmetric and the patch classifier
  looks at the last output or at their mean.
  """

  def __init__(self, model: models.ConvLSTMConv, channels_last: bool = False):
    """Makes layers for the fields of `model`."""
    super().__init__()
    self.fields = model
    self.layout = (
        torch.channels_last if channels_last else torch.contiguous_format
    )
    conv = lambda inputs, outputs, side: nn.Conv2d(
        inputs, outputs, side, padding=side // 2
    )
    self.conv1 = conv(3, model.conv1_filters, model.kernel)
    self.conv2 = conv(model.conv1_filters, model.conv2_filters, model.kernel)
    block = models.SIDE // model.grid
    inputs = block * block * model.conv2_filters
    self.lstm = nn.ModuleList()
    # Layers of one width in one call, as cuDNN runs them fastest.
    for width, layers in itertools.groupby(model.lstm_hidden):
      count = len(list(layers))
      self.lstm.append(nn.LSTM(inputs, width, count, batch_first=True))
      inputs = width
    self.patch_head = nn.Linear(inputs, 2)
    self.conv3 = conv(1, model.conv3_filters, model.kernel)
    side = model.conv45_kernel
    self.conv4 = conv(model.conv3_filters, model.conv4_filters, side)
    self.conv5 = conv(model.conv4_filters, 2, side)

  def forward(self, images: torch.Tensor):
    """Maps uint8[batch, side, side, 3] to logits of patches and pixels.

    Returns:
      [batch, 2] and [batch, 2, side, side].
    """
    fields, grid = self.fields, self.fields.grid
    batch, side = images.shape[:2]
    x = images.to(self.conv1.weight.dtype) / 127.5 - 1
    x = x.permute(0, 3, 1, 2).contiguous(memory_format=self.layout)
    x = torch.relu(self.conv2(torch.relu(self.conv1(x))))
    block = side // grid
    x = x.permute(0, 2, 3, 1)
    x = x.reshape(batch, grid, block, grid, block, -1).transpose(2, 3)
    x = x.reshape(batch, grid * grid, -1)
    for layers in self.lstm:
      x, _ = layers(x)
    features = x.mean(1) if fields.head == 'mean' else x[:, -1]
    patch_logits = self.patch_head(features)
    block = int(x.shape[-1] ** 0.5)
    x = x.reshape(batch, grid, grid, block, block).transpose(2, 3)
    x = x.reshape(batch, 1, grid * block, grid * block)
    x = x.contiguous(memory_format=self.layout)
    x = torch.relu(self.conv3(x))
    if x.shape[-1] == 2 * side:
      x = torch.max_pool2d(x, 2)
    return patch_logits, self.conv5(torch.relu(self.conv4(x)))

  def load(self, params: Mapping[str, Any]) -> None:
    """Takes over the parameters of `models.ConvLSTMConv`."""
    tensor = lambda x: torch.tensor(np.asarray(x))
    convolutions = ('conv1', 'conv2', 'conv3', 'conv4', 'conv5')
    state = {}
    for name in convolutions:
      kernel = tensor(params[name]['kernel'])
      state[f'{name}.weight'] = kernel.permute(3, 2, 0, 1)
      state[f'{name}.bias'] = tensor(params[name]['bias'])
    state['patch_head.weight'] = tensor(params['patch_head']['kernel']).T
    state['patch_head.bias'] = tensor(params['patch_head']['bias'])
    for number, (prefix, layer) in enumerate(self.lstm_layers()):
      ours = params['lstm'][f'layer{number + 1}']
      recurrent = tensor(ours['recurrent']['kernel'])
      hidden = len(recurrent)
      bias = tensor(ours['input']['bias'])
      bias[hidden : 2 * hidden] += self.fields.forget_bias
      state[f'{prefix}.weight_ih_l{layer}'] = tensor(ours['input']['kernel']).T
      state[f'{prefix}.weight_hh_l{layer}'] = recurrent.T
      state[f'{prefix}.bias_ih_l{layer}'] = bias
      state[f'{prefix}.bias_hh_l{layer}'] = torch.zeros_like(bias)
    self.load_state_dict(state)

  def lstm_layers(self) -> list[tuple[str, int]]:
    """Lists the module of each layer, and its number within that module."""
    return [
        (f'lstm.{call}', layer)
        for call, layers in enumerate(self.lstm)
        for layer in range(layers.num_layers)
    ]


def make_step(
    config: ml_collections.ConfigDict,
    mode: str,
    *,
    channels_last: bool,
    compiled: bool,
    precision: str,
) -> Callable[[int], None]:
  """Returns `run(repeats)` for a train step or a forward pass.

  Args:
    config: Config of the network, the optimizer and the batch.
    mode: `train` or `forward`.
    channels_last: Layout of the maps in memory.
    compiled: Whether `torch.compile` gets the network.
    precision: `float32`, `tensorfloat32`, or `bfloat16` by autocast.
  """
  network, device, autocast = _start(config, channels_last, precision)
  if compiled:
    network = torch.compile(network)
  optimizer = torch.optim.Adam(
      network.parameters(), config.optim.learning_rate, fused=True
  )
  batch = {
      key: torch.tensor(value, device=device)
      for key, value in workload.random_batch(config.batch_size).items()
  }
  cross_entropy = nn.functional.cross_entropy

  def train():
    with autocast:
      patch_logits, mask_logits = network(batch['image'])
    loss = cross_entropy(patch_logits.float(), batch['label'].long())
    loss += cross_entropy(mask_logits.float(), batch['mask'].long())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

  def forward():
    with torch.inference_mode(), autocast:
      network(batch['image'])

  step = {'train': train, 'forward': forward}[mode]

  def run(repeats: int) -> None:
    for _ in range(repeats):
      step()
    if device.type == 'cuda':
      torch.cuda.synchronize()

  return run


def make_predict(
    config: ml_collections.ConfigDict, precision: str
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
  """Returns `predict(images)`, as `steps.make_predict_step`, channels last.

  Args:
    config: Config of the network.
    precision: See `make_step`.
  """
  network, device, autocast = _start(config, True, precision)
  score = lambda logits: torch.softmax(logits.float(), 1)[:, 1].cpu().numpy()

  def predict(images):
    with torch.inference_mode(), autocast:
      patch_logits, mask_logits = network(torch.tensor(images, device=device))
      return score(patch_logits), score(mask_logits)

  return predict


def _start(config, channels_last: bool, precision: str):
  """Sets up PyTorch; returns a network, its device and its precision."""
  device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
  fast = precision == 'tensorfloat32'
  torch.backends.cuda.matmul.allow_tf32 = fast
  torch.backends.cudnn.allow_tf32 = fast
  torch.backends.cudnn.benchmark = True
  network = Network(workload.make_model(config), channels_last)
  network = network.to(device, memory_format=network.layout)
  autocast = torch.autocast(
      device.type, torch.bfloat16, enabled=precision == 'bfloat16'
  )
  return network, device, autocast
