"""Provenance: credentials, declared sources, and settings of generators."""

from typing import Any

from manloc_jax.examine import credentials
from manloc_jax.examine import exif
from manloc_jax.examine import metadata_blocks
from manloc_jax.examine import opened_file
from manloc_jax.examine import section as section_lib
from manloc_jax.examine import xmp

# Ends of the IPTC's addresses of digital source types.
AI_TYPES = (
    'trainedAlgorithmicMedia', 'compositeWithTrainedAlgorithmicMedia',
    'compositeSynthetic',
)  # fmt: skip
_TYPE_PROPERTIES = (
    'Iptc4xmpExt:DigitalSourceType', 'Iptc4xmpExt:DigitalSourcefileType',
)  # fmt: skip
_USER_COMMENT = 37510
# Keywords of PNG texts that programs write, and words that the text holds.
_GENERATORS = (
    ('Stable Diffusion web UI', 'parameters', ('Steps: ', 'Sampler: ')),
    ('ComfyUI', 'prompt', ('class_type',)),
    ('ComfyUI', 'workflow', ('nodes',)),
    ('InvokeAI', 'invokeai_metadata', ()),
    ('InvokeAI', 'sd-metadata', ()),
    ('InvokeAI', 'Dream', ()),
    ('NovelAI', 'Software', ('NovelAI',)),
)


def section(
    file: opened_file.OpenedFile,
    trust_list: credentials.TrustList | None = None,
) -> section_lib.Section:
  """Returns what a file says of where it comes from.

  Args:
    file: The file.
    trust_list: Of signers of credentials; without one it cannot be told whom
      to trust.
  """
  blocks = metadata_blocks.read(file)
  try:
    properties = xmp.read(blocks.xmp) if blocks.xmp else []
  except ValueError:
    properties = []  # The section of metadata says so.
  return section_lib.Section({
      'credentials': credentials.read(file, trust_list),
      'digital_source_types': [
          value.rstrip('/').rsplit('/', 1)[-1]
          for value in xmp.values(properties, *_TYPE_PROPERTIES)
      ],
      'generator_settings': _generator_settings(blocks),
  })


def _generator_settings(
    blocks: metadata_blocks.Blocks,
) -> list[dict[str, Any]]:
  """Lists texts that hold the settings of image generators."""
  found = [
      {'generator': generator, 'field': name, 'value': text}
      for name, text in blocks.texts
      for generator, keyword, words in _GENERATORS
      if name == keyword and all(word in text for word in words)
  ]
  comment = _user_comment(blocks.exif)
  generator, _, words = _GENERATORS[0]
  if comment and all(word in comment for word in words):
    found.append(
        {'generator': generator, 'field': 'UserComment', 'value': comment}
    )
  return found


def _user_comment(block: bytes | None) -> str | None:
  try:
    entries = exif.read(block) if block else []
  except ValueError:
    return None
  for entry in entries:
    if entry.tag == _USER_COMMENT and isinstance(entry.value, bytes):
      # In two bytes for a character or in one; settings are ASCII.
      return entry.value[8:].replace(b'\0', b'').decode('utf-8', 'replace')
  return None
