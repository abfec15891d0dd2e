r"""Compares the localizer of a whole image with plain loops over its windows.

  python -m manloc_jax.benchmarks.localize --json=-
  python -m manloc_jax.benchmarks.localize --megapixels=24 --stride=16

Peers: `torch` (PyTorch with channels last) and `plain`, our own network, in the
same loop: every 64x64 window at the stride goes through the network, a batch at
a time, and the host averages the scores before it cuts the next batch. Neither
shares work between windows, so that the ratio to `plain` shows what the
localizer gains by sharing alone.

All run over a strip of the image, and `extrapolated_seconds` is what the whole
image would take at the speed of the strip. `fusion`, which is what `manloc
localize` does by default, starts from a JPEG file of the whole size.
"""

import functools
import math
import sys

from absl import flags
import numpy as np

from manloc_jax import models
from manloc_jax.benchmarks import candidates
from manloc_jax.benchmarks import command
from manloc_jax.benchmarks import fusion as fusion_lib
from manloc_jax.commands import flag_commands
from manloc_jax.localization import network as network_lib

OURS = 'manloc_jax'
PEERS = ('torch', 'plain')
FUSION = 'fusion'

_PEERS = command.define_peers(PEERS, PEERS)
_MEGAPIXELS = flags.DEFINE_float(
    'megapixels', 12.0, 'Of the whole image, 4:3.', lower_bound=0.1
)
_STRIDE = flags.DEFINE_integer(
    'stride', 32, 'Pixels between windows.', lower_bound=1
)
_STRIP = flags.DEFINE_integer(
    'strip', 2, 'Rows of windows that are timed.', lower_bound=1
)


def main(argv: list[str]) -> None:
  """Measures all candidates, prints a line for each and writes JSON."""
  del argv
  config, stride = command.read_config(), _STRIDE.value
  height, width = image_size(_MEGAPIXELS.value)
  strip = models.SIDE + (_STRIP.value - 1) * stride
  makers = {OURS: make_ours, 'torch': make_torch, 'plain': make_plain}
  made = {
      name: functools.partial(
          makers[name], config, command.PRECISION.value, (strip, width), stride
      )
      for name in (OURS, *_PEERS.value)
  }
  with fusion_lib.image_file(_MEGAPIXELS.value) as path:
    made[FUSION] = functools.partial(fusion_lib.make, path)
    times = dict(command.measure(made))
    seconds = fusion_lib.parts(path)
  timed = len(windows(strip, width, stride))
  total = len(windows(height, width, stride))
  megapixels = height * width / 1e6
  fusion = times.pop(FUSION)
  result = {
      'megapixels': megapixels,
      'stride': stride,
      **summarize(times, timed, total),
      'fusion': fusion_lib.summarize(
          fusion, seconds, megapixels, times.get('plain'), total / timed
      ),
  }
  command.finish('localize', result, lines)


def image_size(megapixels: float) -> tuple[int, int]:
  """Returns height and width of a 4:3 image."""
  height = math.sqrt(megapixels * 1e6 * 3 / 4)
  return round(height), round(height * 4 / 3)


def windows(height: int, width: int, stride: int) -> list[tuple[int, int]]:
  """Lists the top left corners of all windows; the last ones touch the edge."""
  tops, lefts = (
      [*range(0, length - models.SIDE, stride), length - models.SIDE]
      for length in (height, width)
  )
  return [(top, left) for top in tops for left in lefts]


def localize(predict, image: np.ndarray, stride: int, batch_size: int):
  """Returns the mean score of each pixel over the windows that hold it.

  Args:
    predict: Maps uint8[batch_size, 64, 64, 3] to scores of patches and pixels.
    image: uint8[height, width, 3].
    stride: Pixels between windows.
    batch_size: Windows at once.

  Returns:
    f32[height, width].
  """
  side = models.SIDE
  total = np.zeros(image.shape[:2], np.float32)
  count = np.zeros(image.shape[:2], np.float32)
  height, width = image.shape[:2]
  corners = windows(height, width, stride)
  # One shape for all batches, or the last would be compiled anew.
  batch = np.zeros((batch_size, side, side, 3), np.uint8)
  for start in range(0, len(corners), batch_size):
    boxes = [
        (slice(top, top + side), slice(left, left + side))
        for top, left in corners[start : start + batch_size]
    ]
    for window, box in zip(batch, boxes, strict=False):
      window[:] = image[box]
    _, scores = predict(batch)
    for box, score in zip(boxes, np.asarray(scores), strict=False):
      total[box] += score
      count[box] += 1
  return total / count


def make_ours(config, precision: str, size, stride: int) -> candidates.Run:
  """Makes the localizer of an image of `size`."""
  params, model, _ = candidates.make_network(config, precision)
  localizer = network_lib.NetworkLocalizer(
      model, params, stride=stride, batch_size=config.batch_size
  )
  return _repeat(localizer.score_map, size)


def make_plain(config, precision: str, size, stride: int) -> candidates.Run:
  """Makes the loop over an image of `size` with our network."""
  predict = candidates.make_predict(config, precision)
  return _make_loop(predict, size, stride, config.batch_size)


def make_torch(config, precision: str, size, stride: int) -> candidates.Run:
  """Makes the loop over an image of `size` with PyTorch."""
  from manloc_jax.benchmarks import torch_peer  # PyTorch may not be there.

  predict = torch_peer.make_predict(config, precision)
  return _make_loop(predict, size, stride, config.batch_size)


def _make_loop(predict, size, stride: int, batch_size: int) -> candidates.Run:
  return _repeat(
      lambda image: localize(predict, image, stride, batch_size), size
  )


def _repeat(function, size) -> candidates.Run:
  image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)

  return candidates.repeat(lambda: function(image))


def summarize(times: command.Times, timed: int, total: int) -> command.Result:
  """Returns speeds and ratios, and the seconds of the whole image.

  Args:
    times: By candidate; `OURS`, then peers.
    timed: Windows of the strip.
    total: Windows of the image.
  """
  result = command.compare(times, timed)
  return {
      **result,
      'windows': total,
      'timed_windows': timed,
      'extrapolated_seconds': {
          name: total / row['patches_per_s']
          for name, row in result['contestants'].items()
      },
  }


def lines(result: command.Result) -> list[str]:
  """Renders a result for a terminal; a patch is a window."""
  out = [
      f'windows of 64x64 pixels, batch {result["batch_size"]},'
      f' {result["device"]}',
      *command.lines(result),
      f'  extrapolated from {result["timed_windows"]} to all'
      f' {result["windows"]} windows of {result["megapixels"]:.1f} megapixels'
      f' at stride {result["stride"]}:',
  ]
  for name, seconds in result['extrapolated_seconds'].items():
    out.append(f'  {name:<20} {seconds:9.1f} s')
  return out + fusion_lib.lines(result['fusion'])


if __name__ == '__main__':
  sys.exit(flag_commands.run(main))
