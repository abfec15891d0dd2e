"""Localizes image files and writes heat maps, masks, overlays and records."""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import datetime
import functools
import json
import os
import pathlib
import time
from typing import Any

import numpy as np
from PIL import Image

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import provenance
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.data.listing import image_files
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.localization import measurable
from manloc_jax.localization import overlay

FORMATS = ('png', 'npy', 'npz')

# Bytes of an image's name. Systems allow 255, and the suffixes of results, also
# of temporary ones, take the rest.
_LONGEST_NAME = 220

Record = dict[str, Any]


def localize_files(
    inputs: Sequence[image_files.Input],
    localizer: localizer_lib.Localizer,
    out: pathlib.Path,
    heat_format: str = 'png',
    run: worker_pool.Map = map,
) -> Iterator[Record]:
  """Localizes files; a bad one does not stop the rest.

  Results appear below `out`, named after the input: `NAME.heat.png` with the
  score times 65535 (or the raw map, on the scale of its method, as `.npy` or
  in `.npz`, see `save_npz`), `NAME.mask.png` with 255 where
  manipulated, `NAME.overlay.png`, see `overlay.draw`, and last `NAME.json`,
  the record in one line.

  Args:
    inputs: The images.
    localizer: The localizer to run.
    out: Folder for results.
    heat_format: One of `FORMATS`.
    run: A map over processes that see the same files; of a localizer that runs
      in workers. By default one image follows the other in this process.

  Returns:
    The record of each image in turn, see `describe`, with the names of the
    files that were written. The record of an image that cannot be used holds
    `image` and `error` alone, and `not_applicable` as well if the method does
    not apply to it. For images whose results exist, from the same bytes,
    weights and hyperparameters, it is their old record with `skipped`.

  Raises:
    UserError: The disk is full, or the weights are broken.
  """
  localize = functools.partial(
      _localize_or_explain,
      localizer=localizer,
      out=out,
      heat_format=heat_format,
  )
  return run(localize, inputs)


def _localize_or_explain(
    image_file: image_files.Input,
    localizer: localizer_lib.Localizer,
    out: pathlib.Path,
    heat_format: str,
) -> Record:
  """Localizes one file; may be called again where a process has died."""
  try:
    return _localize_file(image_file, localizer, out, heat_format)
  except Exception as error:
    record: Record = {
        'image': str(image_file.path),
        'error': _explain(error, image_file.path, out),
    }
    if isinstance(error, localizer_lib.NotApplicable):
      record['not_applicable'] = True
    return record


def _explain(
    error: Exception, path: pathlib.Path, out: pathlib.Path
) -> str:
  """Returns why an image could not be localized, in one sentence.

  Raises:
    UserError: The reason holds for other images, too.
    Exception: It is a bug.
  """
  if errors.is_disk_full(error):
    raise errors.UserError(
        f'The disk of {str(out)!r} is full; free some space and run the same'
        ' command again: it skips what is done.'
    ) from error
  if isinstance(error, spec.DataError):
    return str(error)
  if errors.is_out_of_memory(error):
    return (
        f'There is not enough memory for {path}; crop it, or localize it on a'
        ' machine with more.'
    )
  if isinstance(error, OSError):
    reason = error.strerror or str(error)
    file = error.filename or path
    return (
        f'{path} cannot be localized: {file} could not be read or written'
        f' ({reason}); run the same command again.'
    )
  raise error


def _localize_file(
    image_file: image_files.Input,
    localizer: localizer_lib.Localizer,
    out: pathlib.Path,
    heat_format: str,
) -> Record:
  made_by = {
      **localizer.provenance,
      'image_sha256': _digest(image_file.path),
  }
  names = {
      'heat': f'{image_file.name}.heat.{heat_format}',
      'mask': f'{image_file.name}.mask.png',
      'overlay': f'{image_file.name}.overlay.png',
  }
  if len(os.fsencode(pathlib.Path(image_file.name).name)) > _LONGEST_NAME:
    raise spec.DataError(
        f'{image_file.path} has a name of more than {_LONGEST_NAME} bytes,'
        ' which leaves no room for the names of results; rename it.'
    )
  path = out / f'{image_file.name}.json'
  if old := _read(path, {**made_by, 'files': names}, out):
    return {**old, 'image': str(image_file.path), 'skipped': True}
  image = images.read_image(image_file.path)
  start = time.monotonic()
  result = localizer.localize(image_file.path, image)
  seconds = time.monotonic() - start
  files.make_folder(path.parent, out)
  path.unlink(missing_ok=True)  # It may be of other hyperparameters.
  can_measure = measurable.blocks(image.pixels)
  picture = overlay.draw(image.pixels, result.score, result.mask)
  picture = overlay.hatch(picture, ~can_measure)
  copies = result.facts.get(localizer_lib.COPIES, ())
  picture = overlay.arrows(picture, copies, image.pixels.shape)
  if heat_format == 'npz':
    save = functools.partial(
        save_npz,
        is_probability=localizer.is_probability,
        can_measure=can_measure,
    )
    _write(out / names['heat'], save, result)
  else:
    heat_map = result.score if heat_format == 'png' else result.raw
    _write(out / names['heat'], _HEAT[heat_format], heat_map)
  _write(out / names['mask'], save_png, result.mask * np.uint8(255))
  _write(out / names['overlay'], save_png, picture)
  record = describe(str(image_file.path), image, result, localizer, seconds)
  record |= describe_limits(image_file.path, can_measure)
  record |= {**made_by, 'files': names}
  # Last, so that a record implies that its other files exist.
  files.write_text(path, json.dumps(record) + '\n')
  return record


def describe(
    name: str,
    image: images.Decoded,
    result: localizer_lib.Result,
    localizer: localizer_lib.Localizer,
    seconds: float,
) -> Record:
  """Returns the record of an image, as JSON holds it.

  Args:
    name: The name of the image in the record.
    image: The decoded image.
    result: Of the localizer.
    localizer: The localizer that computed the result.
    seconds: The time that it took.
  """
  height, width = result.mask.shape
  is_unmeasured = localizer_lib.NOT_MEASURED in result.facts
  return {
      'image': name,
      'height': height,
      'width': width,
      'note': image.note,
      'orientation': image.orientation,
      'image_score': None if is_unmeasured else result.image_score,
      'mask_threshold': result.threshold,
      'manipulated_share': float(result.mask.mean()),
      'regions': [dataclasses.asdict(region) for region in result.regions],
      'region_count': result.region_count,
      **localizer.provenance,
      **result.facts,
      **localizer.packages,
      'device': localizer.device,
      'seconds': seconds,
      'time': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
  }


def describe_limits(path: pathlib.Path, can_measure: np.ndarray) -> Record:
  """Returns what limits the result of an image, as JSON holds it.

  Args:
    path: The file.
    can_measure: Of `measurable.blocks`.
  """
  return {
      'unmeasurable_share': float(1 - can_measure.mean()),
      'limits': measurable.limits(quantization_lib.read(path)),
  }


def _digest(path: pathlib.Path) -> str:
  if path.exists() and not path.is_file():  # A pipe would be waited for.
    raise spec.DataError(f'{path} is no regular file; name an image.')
  try:
    return provenance.sha256_of_file(path)
  except OSError as error:
    raise spec.DataError(
        f'{path} cannot be read ({error.strerror}); check the path.'
    ) from error


def _read(
    path: pathlib.Path, wanted: Record, out: pathlib.Path
) -> Record | None:
  """Returns the record at `path` if it matches and its files exist."""
  try:
    record = files.read_json(path)
  except (OSError, ValueError):
    return None
  if not isinstance(record, dict) or any(
      record.get(key) != value for key, value in wanted.items()
  ):
    return None
  is_whole = all((out / name).is_file() for name in wanted['files'].values())
  return record if is_whole else None


def _write(path: pathlib.Path, save: Callable, content: Any) -> None:
  with files.replacing(path) as temporary, temporary.open('wb') as file:
    save(file, content)


def save_png(file, pixels: np.ndarray) -> None:
  """Writes uint8 or uint16[h, w], or uint8[h, w, 3], to an open file."""
  # Three times as fast as by default, and a tenth larger.
  Image.fromarray(pixels).save(file, 'PNG', compress_level=1)


def save_heat(file, score: np.ndarray) -> None:
  """Writes f32[h, w] from 0 to 1 as a PNG of 16 bits."""
  grey = np.empty(score.shape, np.uint16)
  # Without copies of a large map; rounds down.
  save_png(file, np.multiply(score, 65535, out=grey, casting='unsafe'))


def save_npz(
    file,
    result: localizer_lib.Result,
    *,
    is_probability: bool,
    can_measure: np.ndarray,
) -> None:
  """Writes all that `manloc evaluate --method=maps` reads of a map, and more.

  These are the arrays `score`, f32[h, w] with the raw map, and `mask`,
  bool[h, w], and the numbers `threshold`, `image_score`, `is_probability` and
  `image_score_is_probability`; and `can_measure`, bool[ceil(h / 8),
  ceil(w / 8)], of `measurable.blocks`.
  """
  np.savez_compressed(
      file,
      score=result.raw,
      mask=result.mask,
      threshold=result.threshold,
      image_score=result.image_score,
      is_probability=is_probability,
      can_measure=can_measure,
      image_score_is_probability=bool(
          result.facts.get(localizer_lib.IS_FORGERY_PROBABILITY)
      ),
  )


_HEAT: dict[str, Callable[..., None]] = {
    'png': save_heat,
    'npy': functools.partial(np.save, allow_pickle=False),
}
