"""The limits that the page on security names are those of the code."""

import pathlib

from manloc_jax import array_files
from manloc_jax import files
from manloc_jax import models
from manloc_jax.data import images
from manloc_jax.data.decoding import declared_size
from manloc_jax.data.decoding import jpeg_files
from manloc_jax.training import checkpoint_files
from manloc_jax.training import weight_files

_PAGE = pathlib.Path(__file__).parents[1] / 'docs/security.md'
_LIMITS = {
    '| Pixels | {:,} |': declared_size.MAX_PIXELS,
    '| Each side | {:,} pixels': declared_size.MAX_SIDE,
    '| | Bytes | {:,} |': declared_size.MAX_FILE_BYTES,
    '| Scans of a JPEG file | {} |': jpeg_files.MAX_SCANS,
    '| Pixels | {} times those of the image': images._MOST_MASK,
    ' of the image, or {:,} |': images._SMALL_MASK,
    '| Arrays, decompressed | {:,} bytes': array_files.MAX_BYTES,
    'lists | Bytes | {:,} |': files.MAX_JSON_BYTES,
    '| Values, depth | {:,} and': files.MAX_JSON_VALUES,
    '10,000,000 and {} |': files.MAX_JSON_DEPTH,
    '| Configs, thresholds | Bytes | {:,} |': files.MAX_CONFIG_BYTES,
    '(`.safetensors`) | Bytes | {:,} |': weight_files._MAX_BYTES,
    '| Checkpoints | Files | {:,}, each': checkpoint_files._MAX_FILES,
    'description {:,} bytes': checkpoint_files._MAX_DESCRIPTION_BYTES,
    '| Arrays | {} times': checkpoint_files._MOST_TIMES,
    'the parameters and {:,} bytes': checkpoint_files._MOST_BESIDE,
    'and {:,} at most; data': checkpoint_files.MAX_BYTES,
    'of the config | {:,} and': models._MAX_NUMBER,
    '4,096 and {} |': models._MAX_LENGTH,
}


def test_the_limits_are_those_of_the_code():
  text = _PAGE.read_text()
  for words, limit in _LIMITS.items():
    assert words.format(limit) in text, words
