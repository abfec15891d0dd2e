"""Measures the fusion on a JPEG file: as a candidate, and stage by stage."""

from collections.abc import Callable
import concurrent.futures
import contextlib
import dataclasses
import multiprocessing
import pathlib
import tempfile
import time
from typing import TYPE_CHECKING

import numpy as np

from manloc_jax.benchmarks import candidates
from manloc_jax.benchmarks import classical
from manloc_jax.benchmarks import command
from manloc_jax.benchmarks import interleaved
from manloc_jax.localization import localizer as localizer_lib

if TYPE_CHECKING:
  from manloc_jax.localization.fusion import localizer as fusion_localizer

_REPEATS = 3  # Of each part; the median counts.


@contextlib.contextmanager
def image_file(megapixels: float):
  """Yields the path of a JPEG file of noise of many scales, 4:3."""
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / 'image.jpg'
    _elsewhere(classical.write_image, path, megapixels)
    yield path


def _elsewhere(function: Callable, *args):
  """Calls a function in a process of its own, with memory of its own."""
  context = multiprocessing.get_context('spawn')
  with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
    return pool.submit(function, *args).result()


def make(path: pathlib.Path) -> candidates.Run:
  """Makes the fusion of a file: from its bytes to map, mask and regions."""
  from manloc_jax.data import images

  fusion = _make_localizer()
  return candidates.repeat(
      lambda: fusion.localize(path, images.read_image(path))
  )


def parts(path: pathlib.Path) -> dict[str, float]:
  """Returns the seconds of each part of the work, one after the other."""
  return _elsewhere(_parts, path)


def _parts(path: pathlib.Path) -> dict[str, float]:
  from manloc_jax.data import images
  from manloc_jax.data.decoding import quantization as quantization_lib
  from manloc_jax.localization.fusion import copies as copies_lib
  from manloc_jax.localization.fusion import features
  from manloc_jax.localization.fusion import residuals

  fusion = _make_localizer()
  pixels = images.read_image(path).pixels
  quantization = quantization_lib.read(path)
  copies, _ = _timed(copies_lib.find, pixels)
  noise, _ = _timed(residuals.measure, features.whole_blocks(pixels))
  measuring, measured = _timed(
      features.measure, pixels, quantization, None, fusion.names
  )
  network, _ = _timed(fusion.fuse, measured)
  score = np.random.default_rng(0).random(pixels.shape[:2], np.float32)
  reading, _ = _timed(images.read_image, path)
  rest, _ = _timed(localizer_lib.summarize, score, score, 0.5)
  return {
      'copies': copies,
      'classical': measuring - noise,
      'residuals': noise,
      'network': network,
      'reading and regions': reading + rest,
  }


def _timed(function: Callable, *args):
  result = function(*args)  # Compiles, imports.
  seconds = []
  for _ in range(_REPEATS):
    start = time.perf_counter()
    function(*args)
    seconds.append(time.perf_counter() - start)
  return float(np.median(seconds)), result


def _make_localizer() -> 'fusion_localizer.FusionLocalizer':
  """Makes the fusion with the weights that are the default."""
  from manloc_jax import pretrained
  from manloc_jax.localization.fusion import localizer as fusion_localizer

  return fusion_localizer.FusionLocalizer(pretrained.FUSION)


def summarize(
    fusion: interleaved.Times,
    seconds: dict[str, float],
    megapixels: float,
    plain: interleaved.Times | None,
    scale: float,
) -> command.Result:
  """Returns speed, memory and the fractions of the stages of the fusion.

  Args:
    fusion: Of the whole file.
    seconds: Of `parts`.
    megapixels: Of the file.
    plain: Of the plain loop over the paper's network, if it took part.
    scale: How many times longer the loop takes on the whole image.
  """
  summary = fusion.summary()
  total = sum(seconds.values())
  result = {
      **summary,
      'seconds': summary['milliseconds'] / 1e3,
      'megapixels_per_s': 1e3 * megapixels / summary['milliseconds'],
      'seconds_of_parts': seconds,
      'share_of_parts': {name: x / total for name, x in seconds.items()},
  }
  if plain is not None:
    whole = [scale * x for x in plain.seconds]
    result['ratio_to_plain'] = interleaved.ratio(
        fusion, dataclasses.replace(plain, seconds=whole)
    )
  return result


def lines(result: command.Result) -> list[str]:
  """Renders what `summarize` says."""
  text = (
      f'  the fusion on the whole file {result["seconds"]:9.1f} s'
      f' {result["megapixels_per_s"]:6.2f} megapixels/s'
      f' {result["peak_mib"]:7.0f} MiB'
  )
  if ratio := result.get('ratio_to_plain'):
    text += (
        f'   {ratio["median"]:.1f} times as fast as the plain loop'
        " of the paper's network, by a strip"
        f' ({ratio["least"]:.1f} to {ratio["most"]:.1f})'
    )
  fractions = result['share_of_parts']
  parts_text = ', '.join(f'{name} {x:.0%}' for name, x in fractions.items())
  return [text, f'  one after the other: {parts_text}']
