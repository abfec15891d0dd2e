r"""Measures classical methods in seconds per megapixel, and NADQ of pyIFD.

  python -m manloc_jax.benchmarks.classical --json=-
  PYTHONPATH=<folder with pyIFD and jpegio> \
      python -m manloc_jax.benchmarks.classical --sizes=1 --methods=nadjpeg

The image is noise of many scales, compressed twice on two grids. Each method
starts from what it needs, the decoded pixels, or the file for those on
JPEG coefficients, and ends with its map. pyIFD (Python, a port of the public
MATLAB toolbox) takes the same file, if it can be imported.
"""

import concurrent.futures
import functools
import importlib.metadata
import importlib.util
import io
import multiprocessing
import pathlib
import sys
import tempfile

from absl import flags
import cv2
import numpy as np
from PIL import Image

from manloc_jax import argument_types
from manloc_jax.benchmarks import candidates
from manloc_jax.benchmarks import command
from manloc_jax.benchmarks import interleaved
from manloc_jax.benchmarks import results
from manloc_jax.commands import flag_commands
from manloc_jax.data import images
from manloc_jax.localization.classical import jpeg
from manloc_jax.localization.classical import methods

PEER = 'pyIFD NADQ'
COMPARED = 'nadjpeg'

_SIZES = flags.DEFINE_list('sizes', ['0.1', '1', '4'], 'Megapixels, 4:3.')
_METHODS = flags.DEFINE_list(
    'methods', list(methods.METHODS), 'Those to time.'
)
_JSON = results.define_json_flag()


def main(argv: list[str]) -> None:
  """Measures all candidates, prints a line for each and writes JSON."""
  del argv
  has_peer = COMPARED in _METHODS.value and bool(
      importlib.util.find_spec('pyIFD') and importlib.util.find_spec('jpegio')
  )
  sizes = results.read_numbers(
      '--sizes', _SIZES.value, argument_types.positive_number
  )
  rows = []
  with tempfile.TemporaryDirectory() as folder:
    for size in sizes:
      path = pathlib.Path(folder) / f'{size}.jpg'
      # In another process: the peak memory of this one is inherited.
      with concurrent.futures.ProcessPoolExecutor(
          1, multiprocessing.get_context('spawn')
      ) as pool:
        pixels = pool.submit(write_image, path, size).result()
      made = {
          name: functools.partial(make_method, name, path)
          for name in _METHODS.value
      }
      if has_peer:
        made[PEER] = functools.partial(make_peer, path)
      rows += summarize(command.measure(made), pixels)
  result = {
      'benchmark': 'classical',
      **results.describe_machine('cpu', 'cpu'),
      'peer': _peer_versions() if has_peer else None,
      'rows': rows,
  }
  results.finish(result, lines(result), _JSON.value)


def write_image(path: pathlib.Path, megapixels: float) -> int:
  """Writes a JPEG file that was compressed twice; returns its pixels."""
  height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
  shape = (height, round(height * 4 / 3))
  random = np.random.default_rng(0)
  picture = np.full((*shape, 3), 128, np.float32)
  for scale in range(9):
    small = [max(2, side >> scale) for side in shape]
    noise = random.normal(0, 3 * 1.4**scale, (*small, 3)).astype(np.float32)
    picture += cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)
  first = io.BytesIO()
  pixels = np.clip(picture, 0, 255).astype(np.uint8)
  Image.fromarray(pixels).save(first, 'JPEG', quality=70)
  with Image.open(first) as image:
    moved = np.roll(np.asarray(image), (3, 5), (0, 1))
  Image.fromarray(moved).save(path, 'JPEG', quality=90)
  return pixels.shape[0] * pixels.shape[1]


def make_method(name: str, path: pathlib.Path) -> candidates.Run:
  """Makes a method of ours on a file."""
  method = methods.METHODS[name]
  pixels = images.read_image(path).pixels

  def score() -> None:
    method.score(jpeg.read(path) if method.needs == 'jpeg' else pixels)

  return candidates.repeat(score)


def make_peer(path: pathlib.Path) -> candidates.Run:
  """Makes pyIFD's NADQ on a file."""
  from pyIFD import NADQ  # It may not be there.

  def score() -> None:
    if NADQ.NADQ(str(path)) is None:  # It prints its errors.
      raise RuntimeError('pyIFD gave no map.')

  return candidates.repeat(score)


def _peer_versions() -> dict[str, str]:
  versions = {}
  for name in ('pyIFD', 'jpegio'):
    try:
      versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      versions[name] = 'a stand-in by that name'
  return versions


def summarize(times: command.Times, pixels: int) -> list[command.Result]:
  """Returns a row for each candidate on one image.

  Args:
    times: By candidate.
    pixels: Of the image.
  """
  rows = []
  for name, candidate in times.items():
    summary = candidate.summary()
    rows.append({
        'name': name,
        'megapixels': pixels / 1e6,
        'seconds_per_megapixel': 1e3 * summary['milliseconds'] / pixels,
        **summary,
    })
    if name == COMPARED and PEER in times:
      rows[-1]['ratio'] = interleaved.ratio(candidate, times[PEER])
  return rows


def lines(result: command.Result) -> list[str]:
  """Renders a result for a terminal."""
  out = [f'classical methods, {result["device"]}']
  for row in result['rows']:
    text = (
        f'  {row["name"]:<12} {row["megapixels"]:6.2f} megapixels'
        f' {row["seconds_per_megapixel"]:8.3f} s/megapixel'
        f' {row["peak_mib"]:6.0f} MiB'
    )
    if ratio := row.get('ratio'):
      text += (
          f'   ours is {ratio["median"]:.2f} times as fast as pyIFD'
          f' ({ratio["least"]:.2f} to {ratio["most"]:.2f})'
      )
    out.append(text)
  return out


if __name__ == '__main__':
  sys.exit(flag_commands.run(main))
