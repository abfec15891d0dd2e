"""Identity: size, hashes, format against name, and what follows the image."""

import hashlib
import pathlib
import re
from typing import Any

import numpy as np
from PIL import Image

from manloc_jax.data.decoding import image_formats
from manloc_jax.examine import containers
from manloc_jax.examine import jpeg_segments
from manloc_jax.examine import opened_file
from manloc_jax.examine import section as section_lib

_MOST_EMBEDDED = 32
_LISTED_PARTS = 100
# How files begin that are found behind images.
_SIGNATURES = {
    'JPEG': rb'\xff\xd8\xff[\xc0-\xfe]',
    'PNG': rb'\x89PNG\r\n\x1a\n',
    'GIF': rb'GIF8[79]a',
    'ZIP': rb'PK\x03\x04',
    'RAR': rb'Rar!\x1a\x07',
    '7z': rb'7z\xbc\xaf\x27\x1c',
    'PDF': rb'%PDF-',
    'gzip': rb'\x1f\x8b\x08[\x00-\x1f]',
    'MP4 or HEIF': rb'\x00\x00[\x00-\x01][\x08-\xff]ftyp',
}
_ANY_SIGNATURE = re.compile(
    b'|'.join(
        b'(' + pattern + b')' for pattern in _SIGNATURES.values()
    ),
    re.DOTALL,
)


def section(file: opened_file.OpenedFile) -> section_lib.Section:
  """Returns size, hashes, format, container and trailing bytes of a file."""
  suffix = pathlib.PurePath(file.name).suffix.lower()
  expected = image_formats.FORMATS[file.kind]
  return section_lib.Section({
      'bytes': len(file.data),
      'sha256': hashlib.sha256(file.data).hexdigest(),
      'perceptual_hash': _perceptual_hash(file),
      'format': file.kind,
      'suffix': suffix or None,
      'suffix_fits': suffix in expected if suffix else None,
      'pixels': _size(file),
      'container': _container(file.structure),
      'trailing': _trailing(file),
  })


def _size(file: opened_file.OpenedFile) -> dict[str, Any]:
  if isinstance(file.decoded, str):
    return section_lib.cannot_tell(file.decoded)
  height, width = file.decoded.pixels.shape[:2]
  return {'width': width, 'height': height, 'note': file.decoded.note}


def _perceptual_hash(file: opened_file.OpenedFile) -> str | dict[str, str]:
  """Returns 64 bits that near-duplicates nearly share, in hexadecimal."""
  try:
    import imagehash
  except ImportError:
    return section_lib.cannot_tell(
        'The package ImageHash is not installed; install it with'
        " pip install 'manloc_jax[examine]'."
    )
  if isinstance(file.decoded, str):
    return section_lib.cannot_tell(file.decoded)
  pixels = np.ascontiguousarray(file.decoded.pixels)
  return str(imagehash.phash(Image.fromarray(pixels)))


def _container(structure: containers.Structure) -> dict[str, Any]:
  if not structure.parts:
    return section_lib.cannot_tell(
        structure.reason or 'No part of the file could be read.'
    )
  return {
      'parts': len(structure.parts),
      'order': [
          {'name': part.name, 'offset': part.offset, 'bytes': part.length}
          for part in structure.parts[:_LISTED_PARTS]
      ],
      'fault': structure.reason or None,
  }


def _trailing(file: opened_file.OpenedFile) -> dict[str, Any]:
  """Tells what follows the end of the image."""
  end = file.structure.end
  if end is None:
    return section_lib.cannot_tell(file.structure.reason)
  rest = memoryview(file.data)[end:]
  is_padding = not rest.nbytes or not any(
      rest[i : i + 65_536].tobytes().strip(b'\0')
      for i in range(0, rest.nbytes, 65_536)
  )
  return {
      'bytes': rest.nbytes,
      'only_zeros': is_padding if rest.nbytes else None,
      'first_bytes': rest[:16].hex() or None,
      'embedded_files': _embedded(file.data, end),
      'has_index_of_images': any(
          part.name == 'APP2' and part.content.startswith(b'MPF\0')
          for part in file.structure.parts
      ),
  }


def _embedded(data: bytes, at: int) -> list[dict[str, Any]]:
  """Lists files behind an image, one after the other."""
  found: list[dict[str, Any]] = []
  names = list(_SIGNATURES)
  while len(found) < _MOST_EMBEDDED:
    match = _ANY_SIGNATURE.search(data, at)
    if match is None:
      break
    kind = names[(match.lastindex or 1) - 1]
    end = None
    if kind == 'JPEG':
      _, end = jpeg_segments.walk(data, match.start())
    found.append({
        'format': kind,
        'offset': match.start(),
        'bytes': None if end is None else end - match.start(),
    })
    if end is None:
      break  # What follows may be a part of this file.
    at = end
  return found
