r"""The LSTM stack alone against other arrangements, and cuDNN's on a GPU.

  python -m manloc_jax.benchmarks.lstm --batch_size=1024 --peer=cudnn

Peers: `plain` scans cells; `hoisted` projects the inputs of a layer for all
steps at once, before its scan, and has gradients by autodiff; `cudnn` runs
through `jax.experimental.rnn`, for layers of one width, in float32 or with
`--precision=tensorfloat32`.
"""

import functools
import sys

import jax
from jax.experimental import rnn
import jax.numpy as jnp

from manloc_jax import errors
from manloc_jax import models
from manloc_jax.benchmarks import candidates
from manloc_jax.benchmarks import command
from manloc_jax.commands import flag_commands
from manloc_jax.training import microbatch

PEERS = ('plain', 'hoisted', 'cudnn')
OURS = 'manloc_jax'

_PEERS = command.define_peers(PEERS, ['plain', 'hoisted'])
_MODE = command.define_mode()


def main(argv: list[str]) -> None:
  """Measures all candidates, prints a line for each and writes JSON."""
  del argv
  config, mode = command.read_config(), _MODE.value
  precision = command.PRECISION.value
  part = functools.partial(
      candidates.make_part, config, mode, 'lstm', precision=precision
  )
  made = {OURS: functools.partial(part, microbatch_size=None)}
  makers = {
      'plain': functools.partial(part, microbatch_size=None, network='plain'),
      'hoisted': functools.partial(make_hoisted, config, mode, precision),
      'cudnn': functools.partial(make_cudnn, config, mode, precision),
  }
  made |= {peer: makers[peer] for peer in _PEERS.value}
  result = command.compare(command.measure(made), config.batch_size)
  command.finish('lstm', {'mode': mode, **result}, lines)


def make_hoisted(config, mode: str, precision: str) -> candidates.Run:
  """Makes the stack of `hoisted` layers on a batch."""
  mesh = candidates.start(config, precision)
  shape, _ = _shapes(config)
  params, inputs = [], shape[-1]
  for width in config.model.lstm_hidden:
    kernel = jnp.full((inputs + width, 4 * width), 1e-2)
    params.append((kernel, jnp.zeros(4 * width)))
    inputs = width

  def stack(params, x):
    x = x.swapaxes(0, 1)
    for kernel, bias in params:
      x = hoisted(kernel, bias, x)
    return x

  return candidates.make_function(
      stack,
      params,
      jax.random.normal(jax.random.key(1), shape),
      mesh=mesh,
      mode=mode,
      microbatch_size=microbatch.default_size(mesh),
  )


def hoisted(kernel: jax.Array, bias: jax.Array, x: jax.Array) -> jax.Array:
  """`block_lstm.lstm` with the inputs projected for all steps at once."""
  inputs = x.shape[-1]
  projected = x @ kernel[:inputs] + bias[None, None]
  zeros = projected[0, :, : bias.size // 4] * 0

  def step(carry, projected):
    cell, output = carry
    i, f, g, o = jnp.split(projected + output @ kernel[inputs:], 4, axis=-1)
    cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
    output = jax.nn.sigmoid(o) * jnp.tanh(cell)
    return (cell, output), output

  return jax.lax.scan(step, (zeros, zeros), projected)[1]


def _shapes(config) -> tuple[tuple[int, int, int], int]:
  """Returns the shape of a batch of sequences, and the number of layers."""
  model = config.model
  features = (models.SIDE // model.grid) ** 2 * model.conv2_filters
  shape = (config.batch_size, model.grid**2, features)
  return shape, len(model.lstm_hidden)


def make_cudnn(config, mode: str, precision: str) -> candidates.Run:
  """Makes cuDNN's LSTM on a batch, with its gradients for `train`.

  Raises:
    UserError: There is no GPU, or the layers differ in width.
  """
  widths = set(config.model.lstm_hidden)
  if jax.default_backend() != 'gpu' or len(widths) > 1:
    raise errors.UserError(
        f'cuDNN runs LSTMs of one width on NVIDIA GPUs; here are the widths'
        f' {sorted(widths)} on {jax.default_backend()}. Leave --peer=cudnn out.'
    )
  jax.config.update('jax_default_matmul_precision', precision)
  function, arguments = cudnn(config)
  if mode == 'train':
    function = jax.grad(function, argnums=(0, 1))
  compiled = jax.jit(function)
  return candidates.repeat(lambda: compiled(*arguments))


def cudnn(config):
  """Returns the sum of the outputs as a function of weights and inputs.

  Args:
    config: Config of the network and the batch.

  Returns:
    The function, and its arguments: f32 weights in one vector, as cuDNN keeps
    them, and the sequence f32[batch, steps, features].
  """
  (batch, steps, features), layers = _shapes(config)
  width = config.model.lstm_hidden[0]
  fields = {
      'input_size': features,
      'hidden_size': width,
      'num_layers': layers,
      'bidirectional': False,
  }
  weights = rnn.init_lstm_weight(jax.random.key(0), **fields)
  x = jax.random.normal(jax.random.key(1), (batch, steps, features))
  zeros = jnp.zeros((layers, batch, width))
  lengths = jnp.full((batch,), steps, jnp.int32)

  def total(weights, x):
    y, _, _ = rnn.lstm(x, zeros, zeros, weights, lengths, dropout=0, **fields)
    return y.sum()

  return total, (weights, x)


def lines(result: command.Result) -> list[str]:
  """Renders a result for a terminal."""
  head = f'LSTM, {result["mode"]}, batch {result["batch_size"]},'
  head += f' {result["precision"]}, {result["device"]}'
  return [head, *command.lines(result)]


if __name__ == '__main__':
  sys.exit(flag_commands.run(main))
