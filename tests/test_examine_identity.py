"""Identity: hashes, formats, and what follows an image."""

import hashlib
import sys

import hostile
import numpy as np
import pytest
import specimens

from manloc_jax.data import spec
from manloc_jax.examine import containers
from manloc_jax.examine import identity
from manloc_jax.examine import provenance
from manloc_jax.examine import section as section_lib

ZIP = b'PK\x03\x04' + bytes(range(40))


def test_identity_of_a_sound_file(opened):
  data = specimens.jpeg()
  facts = identity.section(opened(data)).facts
  assert facts['bytes'] == len(data)
  assert facts['sha256'] == hashlib.sha256(data).hexdigest()
  assert facts['format'] == 'JPEG' and facts['suffix_fits']
  assert facts['pixels']['width'] == 96
  names = [part['name'] for part in facts['container']['order']]
  assert names[0] == 'SOI' and names[-1] == 'EOI'
  assert facts['trailing']['bytes'] == 0


@pytest.mark.parametrize(
    'kind', ['JPEG', 'PNG', 'WEBP', 'GIF', 'BMP', 'HEIF', 'AVIF']
)
def test_an_archive_behind_the_image_is_found(opened, kind):
  try:
    if kind == 'HEIF':
      import pillow_heif

      pillow_heif.register_heif_opener()
    data = hostile.encode(specimens.photograph(), kind)
  except (KeyError, ImportError, OSError):
    pytest.skip(f'{kind} is not written here')
  assert containers.kind_of(data[:16]) == kind
  assert containers.read(data, kind).end == len(data)
  trailing = identity.section(opened(data + ZIP)).facts['trailing']
  assert trailing['bytes'] == len(ZIP)
  assert trailing['embedded_files'] == [
      {'format': 'ZIP', 'offset': len(data), 'bytes': None}
  ]


def test_a_second_jpeg_and_what_follows_it_are_found(opened):
  data = specimens.jpeg()
  trailing = identity.section(opened(data + data + ZIP)).facts['trailing']
  assert [item['format'] for item in trailing['embedded_files']] == [
      'JPEG', 'ZIP',
  ]  # fmt: skip
  assert trailing['embedded_files'][0]['bytes'] == len(data)


def test_padding_is_no_second_file(opened):
  trailing = identity.section(opened(specimens.jpeg() + bytes(99))).facts[
      'trailing'
  ]
  assert trailing['only_zeros'] and not trailing['embedded_files']


@pytest.mark.parametrize(
    'data',
    [
        specimens.jpeg()[:-700],
        specimens.png()[:-30],
        hostile.encode(specimens.photograph(), 'WEBP')[:-9],
        hostile.encode(specimens.photograph(), 'GIF')[:-9],
    ],
)
def test_truncated_files_cannot_tell_their_end(opened, data):
  facts = identity.section(opened(data)).facts
  assert not section_lib.is_told(facts['trailing'])
  container = facts['container']
  assert not section_lib.is_told(container) or container['fault']


def test_the_perceptual_hash_hardly_changes_with_quality(opened):
  imagehash = pytest.importorskip('imagehash')
  hashes = [
      imagehash.hex_to_hash(
          identity.section(opened(specimens.jpeg(quality=quality))).facts[
              'perceptual_hash'
          ]
      )
      for quality in (95, 50)
  ]
  assert hashes[0] - hashes[1] <= 6


@pytest.mark.parametrize('name', ['imagehash', 'c2pa'])
def test_without_the_extra_a_section_says_so(opened, monkeypatch, name):
  monkeypatch.setitem(sys.modules, name, None)
  file = opened(specimens.jpeg())
  facts = (
      identity.section(file).facts['perceptual_hash']
      if name == 'imagehash'
      else provenance.section(file).facts['credentials']
  )
  assert 'manloc_jax[examine]' in facts['cannot_tell']


def test_other_files_are_refused(opened):
  with pytest.raises(spec.DataError, match='is no image'):
    opened(b'#!/bin/sh\n')
  with pytest.raises(spec.DataError, match='is no image'):
    opened(b'')


def test_pixels_that_cannot_be_decoded_are_told(opened):
  facts = identity.section(opened(hostile.jpeg_with(2)[:400])).facts
  assert not section_lib.is_told(facts['pixels'])
  assert np.isfinite(facts['bytes'])
