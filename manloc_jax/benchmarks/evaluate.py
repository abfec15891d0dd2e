r"""Compares the evaluation of a prepared set, reading included, with peers.

  python -m manloc_jax.benchmarks.evaluate --json=-
  python -m manloc_jax.benchmarks.evaluate --peer=forward --batch_size=256

A repeat is one pass over a set of noise. Peers: `torch` (PyTorch with channels
last, histograms in NumPy) and `forward`, our own network without the metrics,
which shows what they cost. Both read the same files.
"""

import functools
import pathlib
import sys
import tempfile

import numpy as np

from manloc_jax.benchmarks import candidates
from manloc_jax.benchmarks import command
from manloc_jax.benchmarks import random_set
from manloc_jax.commands import flag_commands
from manloc_jax.data.storage import backend
from manloc_jax.data.storage import prepared_set
from manloc_jax.training import evaluator

OURS = 'manloc_jax'
PEERS = ('torch', 'forward')
SPLIT = 'val'

_PEERS = command.define_peers(PEERS, PEERS)
_PATCHES = command.define_patches(512)


def main(argv: list[str]) -> None:
  """Measures all candidates, prints a line for each and writes JSON."""
  del argv
  config = command.read_config()
  with tempfile.TemporaryDirectory() as scratch:
    prepared = random_set.write(
        pathlib.Path(scratch) / 'set',
        SPLIT,
        patches=_PATCHES.value,
        backend=config.data.backend,
        num_shards=config.data.num_shards,
    )
    makers = {OURS: make_ours, 'torch': make_torch, 'forward': make_forward}
    times = command.measure({
        name: functools.partial(
            makers[name], config, prepared, command.PRECISION.value
        )
        for name in (OURS, *_PEERS.value)
    })
  result = summarize(times, _PATCHES.value)
  command.finish(
      'evaluate', {**result, 'source': config.data.backend}, lines
  )


def make_ours(
    config, prepared: prepared_set.PreparedSet, precision: str
) -> candidates.Run:
  """Makes passes over a set that end with its sums."""
  params, model, mesh = candidates.make_network(config, precision)
  evaluate = evaluator.make_split_evaluator(model, mesh, config, prepared)
  return candidates.repeat(lambda: evaluate(params, SPLIT))


def make_forward(
    config, prepared: prepared_set.PreparedSet, precision: str
) -> candidates.Run:
  """Makes passes over a set that leave the scores on the devices."""
  predict = candidates.make_predict(config, precision)

  def scores():
    return [predict(batch['image']) for batch in _batches(config, prepared)]

  return candidates.repeat(scores)


def make_torch(
    config, prepared: prepared_set.PreparedSet, precision: str
) -> candidates.Run:
  """Makes passes over a set with PyTorch and NumPy."""
  from manloc_jax.benchmarks import torch_peer  # PyTorch may not be there.

  predict = torch_peer.make_predict(config, precision)
  images, bins = len(prepared.image_ids(SPLIT)), config.eval.bins

  def count():
    """Counts the scores of all patches and pixels once."""
    patches = np.zeros((1, 2, bins), np.int64)
    pixels = np.zeros((images, 2, bins), np.int64)
    for batch in _batches(config, prepared):
      patch, pixel = predict(batch['image'])
      real = batch['weight'] > 0
      rows = batch['image_index'][real]
      patches += histogram(
          patch[real], batch['label'][real], 0 * rows, patches.shape
      )
      pixels += histogram(
          pixel[real], batch['mask'][real], rows[:, None, None], pixels.shape
      )

  return candidates.repeat(count)


def histogram(
    scores: np.ndarray, truth: np.ndarray, row: np.ndarray, shape
) -> np.ndarray:
  """Counts scores in NumPy; see `metrics.histogram`."""
  rows, _, bins = shape
  index = np.clip((scores * bins).astype(np.int64), 0, bins - 1)
  flat = (row * 2 + truth) * bins + index
  return np.bincount(flat.ravel(), minlength=rows * 2 * bins).reshape(shape)


def _batches(config, prepared: prepared_set.PreparedSet):
  return backend.eval_batches(
      prepared, SPLIT, batch_size=config.eval.batch_size
  )


def summarize(times: command.Times, patches: int) -> command.Result:
  """Returns speeds, ratios and what the metrics cost.

  Args:
    times: By candidate; `OURS`, then peers.
    patches: In the set.
  """
  result = command.compare(times, patches)
  forward = result['ratios'].get('forward')
  # The fraction of our time that the forward pass does not take.
  fraction = 1 - forward['median'] if forward else None
  return {**result, 'metrics_share': fraction}


def lines(result: command.Result) -> list[str]:
  """Renders a result for a terminal."""
  out = [
      f'evaluation, batch {result["batch_size"]}, {result["device"]}',
      *command.lines(result),
  ]
  if result['metrics_share'] is not None:
    out.append(f'  the metrics take {result["metrics_share"]:.0%} of the time')
  return out


if __name__ == '__main__':
  sys.exit(flag_commands.run(main))
