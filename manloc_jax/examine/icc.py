"""Reads the header and the description of an ICC colour profile."""

from typing import Any

_HEADER = 128
_MOST_TAGS = 200


def read(profile: bytes) -> dict[str, Any]:
  """Returns size, version, spaces, date and description of a profile.

  Raises:
    ValueError: It is no profile.
  """
  if len(profile) < _HEADER + 4 or profile[36:40] != b'acsp':
    raise ValueError('it has no header of an ICC profile')
  year, month, day, *_ = (
      int.from_bytes(profile[i : i + 2], 'big') for i in range(24, 36, 2)
  )
  return {
      'bytes': len(profile),
      'version': f'{profile[8]}.{profile[9] >> 4}',
      'class': _word(profile[12:16]),
      'colour_space': _word(profile[16:20]),
      'date': f'{year:04}-{month:02}-{day:02}',
      'maker': _word(profile[4:8]),
      'description': _description(profile),
  }


def _word(four: bytes) -> str:
  return four.decode('latin-1').strip(' \0')


def _description(profile: bytes) -> str | None:
  count = int.from_bytes(profile[_HEADER : _HEADER + 4], 'big')
  for i in range(min(count, _MOST_TAGS)):
    tag = profile[_HEADER + 4 + 12 * i : _HEADER + 16 + 12 * i]
    if tag[:4] != b'desc' or len(tag) < 12:
      continue
    at, size = (int.from_bytes(tag[j : j + 4], 'big') for j in (4, 8))
    data = profile[at : at + min(size, 4_096)]
    if data[:4] == b'desc':
      length = int.from_bytes(data[8:12], 'big')
      return data[12 : 12 + length].split(b'\0')[0].decode('latin-1')
    if data[:4] == b'mluc':
      length, start = (int.from_bytes(data[j : j + 4], 'big') for j in (20, 24))
      return data[start : start + length].decode('utf-16-be', 'replace')
  return None
