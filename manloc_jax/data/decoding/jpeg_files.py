"""Reads the markers of JPEG files, for faults that decoders do not report."""

from collections.abc import Iterator
import hashlib
import io
import random
import re

import numpy as np
from PIL import Image
from PIL import JpegImagePlugin

# Encoders write about ten scans. Each covers the whole image, and an empty one
# takes a few bytes: a small file could be decoded for days.
MAX_SCANS = 500

_START = b'\xff\xd8'
# A marker that is followed by a length, or ends the image.
_MARKER = re.compile(rb'\xff[^\x00\x01\xd0-\xd8\xff]', re.DOTALL)
_SCAN, _END = 0xDA, 0xD9
# Start of a frame: baseline, extended and progressive, with Huffman codes or
# arithmetic ones. No other is decoded.
_READ_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
# Of a block at least, by the kind of frame.
_HUFFMAN_BITS = {0xC0: 2, 0xC1: 2, 0xC2: 1}
_LOSSLESS_FRAMES = (0xC3, 0xC7, 0xCB, 0xCF, 0xF7)
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC),
           *range(0xCD, 0xD0), 0xF7)  # fmt: skip
_RESTARTS = range(0xD0, 0xD8)
_TAILS, _TAIL_BYTES = 4, 64


def has_too_many_scans(data: bytes) -> bool:
  """Tells whether a file has more than `MAX_SCANS` scans."""
  scans = 0
  for kind, _ in _segments(data):
    scans += kind == _SCAN
    if scans > MAX_SCANS:
      return True
  return False


def may_be_complete(data: bytes) -> bool:
  """Tells whether a file can hold all the blocks that its header describes.

  Of a block, Huffman codes take at least two bits, one for the coefficient of
  frequency 0 and one for the end of the others; a progressive file takes one at
  least. Arithmetic coding has no such bound.

  Args:
    data: The file, or a start that holds more than its metadata.
  """
  needed, scans, scan = None, 0, None
  for kind, at in _segments(data):
    if scan is not None:
      scans += max(at - 2 - scan, 0)
      scan = None
    if kind in _HUFFMAN_BITS and needed is None:
      needed = _blocks(data, at) * _HUFFMAN_BITS[kind]
    elif kind == _SCAN:
      scan = at + int.from_bytes(data[at : at + 2], 'big')
    if needed is not None and 8 * scans >= needed:
      return True
  if scan is not None:
    scans += max(len(data) - scan, 0)
  return needed is None or 8 * scans >= needed


def _blocks(data: bytes, at: int) -> int:
  """Returns the number of blocks of a frame, whose length is at `at`."""
  height = int.from_bytes(data[at + 3 : at + 5], 'big')
  width = int.from_bytes(data[at + 5 : at + 7], 'big')
  count = data[at + 7] if at + 7 < len(data) else 0
  factors = [divmod(x, 16) for x in data[at + 9 : at + 8 + 3 * count : 3]]
  across = max((x for x, _ in factors), default=1) or 1
  down = max((y for _, y in factors), default=1) or 1
  return sum(
      -(-width * x // (8 * across)) * -(-height * y // (8 * down))
      for x, y in factors
  )


def unsupported(data: bytes) -> str:
  """Describes a kind of JPEG file that is not read.

  Args:
    data: The start of a file.

  Returns:
    A phrase such as `with 12 bits per sample`; empty for files that are not
    JPEG, or of a kind that is read.
  """
  if not data.startswith(_START):
    return ''
  for kind, at in _segments(data):
    if kind in _LOSSLESS_FRAMES:
      return 'of the lossless kind'
    if kind in _FRAMES:
      bits = data[at + 2] if at + 2 < len(data) else 8
      if bits != 8:
        return f'with {bits} bits per sample'
      return '' if kind in _READ_FRAMES else 'of the hierarchical kind'
  return ''


def decode_without_end(data: bytes) -> Image.Image | None:
  """Decodes a file whose end marker is missing, if all its blocks are there.

  Decoders fill missing blocks with grey silently. Here, different bytes are
  appended to the file: they change the pixels if and only if the decoder still
  reads blocks there.

  Args:
    data: The content of the file.

  Returns:
    The image, loaded; None if blocks are missing, or the end marker is there
    and the file is broken in another way.
  """
  data = data.rstrip(b'\xff')  # The first half of the marker may be there.
  if not data.startswith(_START) or not _has_all_scans(data):
    return None
  image, digests = None, set()
  for tail in (b'', *_tails()):
    image = JpegImagePlugin.JpegImageFile(
        io.BytesIO(b''.join((data, tail, b'\xff', bytes([_END]))))
    )
    image.load()
    digests.add(hashlib.sha256(np.asarray(image).data).digest())
    if len(digests) > 1:
      return None
  return image


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
  """Yields each marker's kind, and the position of its length."""
  at = 2
  # A marker begins with 0xff, and so do escaped bytes in the data of a scan.
  while marker := _MARKER.search(data, at):
    at = marker.end()
    yield data[at - 1], at
    if data[at - 1] == _END:
      return
    at += int.from_bytes(data[at : at + 2], 'big')


def _has_all_scans(data: bytes) -> bool:
  """Tells whether scans hold all bits of all coefficients, without an end."""
  components: set[int] = set()
  complete: set[tuple[int, int]] = set()  # Component and coefficient.
  for kind, at in _segments(data):
    if kind == _END:
      return False
    if kind in _READ_FRAMES:
      count = data[at + 7] if at + 7 < len(data) else 0
      components = set(data[at + 8 : at + 8 + 3 * count : 3])
    if kind == _SCAN:
      count = data[at + 2] if at + 2 < len(data) else 0
      after = at + 3 + 2 * count
      if after + 2 >= len(data):
        return False
      first, last, bits = data[after : after + 3]
      if bits & 15 == 0:  # The lowest bit is in this scan.
        complete.update(
            (component, index)
            for component in data[at + 3 : after : 2]
            for index in range(first, min(last, 63) + 1)
        )
  return bool(components) and len(complete) >= 64 * len(components)


def _tails() -> Iterator[bytes]:
  """Yields bytes that decode as blocks, whichever restart marker is next."""
  for seed in range(_TAILS):
    noise = random.Random(seed)
    parts = []
    for restart in _RESTARTS:
      parts.append(bytes(noise.choices(range(255), k=_TAIL_BYTES)))
      parts.append(bytes([0xFF, restart]))
    yield b''.join(parts)
