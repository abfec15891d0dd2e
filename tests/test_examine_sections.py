"""Sections of a report: right, or `cannot tell` with a reason."""

import hashlib
import io
import struct
import sys

import hostile
import numpy as np
from PIL import Image
import pytest
import signing
import specimens

from manloc_jax.data import spec
from manloc_jax.examine import containers
from manloc_jax.examine import encoder_tables
from manloc_jax.examine import identity
from manloc_jax.examine import jpeg_history
from manloc_jax.examine import metadata
from manloc_jax.examine import opened_file
from manloc_jax.examine import provenance
from manloc_jax.examine import section as section_lib
from manloc_jax.examine import thumbnail

ZIP = b'PK\x03\x04' + bytes(range(40))


@pytest.fixture
def opened(tmp_path):
  """Opens bytes as a file."""

  def make(data: bytes, name: str = 'a.jpg') -> opened_file.OpenedFile:
    (tmp_path / name).write_bytes(data)
    return opened_file.OpenedFile(tmp_path / name)

  return make


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


def test_a_jpeg_history_agrees_with_pillow(opened):
  data = specimens.jpeg(
      quality=83, subsampling=2, progressive=True, restart_marker_rows=1
  )
  facts = jpeg_history.section(opened(data)).facts
  with Image.open(io.BytesIO(data)) as image:
    for table in facts['tables']:
      assert table['values'] == list(image.quantization[table['number']])
  assert facts['coding']['kind'] == 'progressive'
  assert facts['coding']['sampling'] == '2x2, 1x1, 1x1'
  assert facts['restart_interval'] == 6
  assert facts['encoder']['estimated_quality'] == 83
  assert [item['setting'] for item in facts['encoder']['known']] == [
      'quality 83'
  ]


@pytest.mark.parametrize('quality', [1, 20, 50, 75, 99])
def test_tables_of_libjpeg_are_recognized(quality):
  with Image.open(io.BytesIO(specimens.jpeg(quality=quality))) as image:
    luma, chroma = (tuple(image.quantization[i]) for i in (0, 1))
  found = encoder_tables.recognize(luma, chroma)
  assert f'quality {quality}' in [item['setting'] for item in found]
  assert encoder_tables.nearest_quality(luma) == (quality, 0)


def test_tables_of_photoshop_are_recognized(opened):
  facts = jpeg_history.section(opened(specimens.jpeg(quality='high'))).facts
  assert facts['encoder']['known'][0]['encoder'] == 'Photoshop'
  assert not facts['encoder']['is_standard_luma']


def test_cameras_are_recognized_by_their_tables(test_data, opened):
  path = test_data / 'camera_jpegs' / 'Apple_iPhone_4.jpg'
  if not path.is_file():
    pytest.skip(f'There is no {path.name}.')
  facts = jpeg_history.section(opened_file.OpenedFile(path)).facts
  assert 'Apple iPhone 4' in [
      item['encoder'] for item in facts['encoder']['known']
  ]


def test_other_formats_have_no_jpeg_history(opened):
  facts = jpeg_history.section(opened(specimens.png(), 'a.png')).facts
  assert facts['is_jpeg'] is False
  assert not section_lib.is_told(facts['history'])


def test_metadata_of_every_block(opened):
  data = specimens.with_segments(
      specimens.jpeg(
          exif=specimens.exif(
              {271: 'Canon', 272: 'EOS', 305: 'GIMP 2.10',
               306: '2020:01:02 00:00:00'},
              {36867: '2020:01:01 00:00:00', 40962: 500, 40963: 400},
          ),
          comment=b'hello',
      ),
      specimens.xmp_segment(
          specimens.xmp(
              'xmp:CreatorTool="Snapseed"',
              '<xmpMM:History><rdf:Seq><rdf:li stEvt:action="saved"/>'
              '</rdf:Seq></xmpMM:History>',
          )
      ),
      specimens.photoshop_segment(
          specimens.resource(0x0404, specimens.iptc(80, b'A. Author')),
          specimens.resource(0x0406, struct.pack('>hhh', 6, 0, 1)),
      ),
  )  # fmt: skip
  file = opened(data)
  facts = metadata.section(file).facts
  summary = facts['summary']
  assert (summary['make'], summary['model']) == ('Canon', 'EOS')
  assert summary['software'] == ['GIMP 2.10', 'Snapseed']
  assert facts['iptc'] == [{'name': 'By-line', 'value': 'A. Author'}]
  assert facts['texts'] == [{'name': 'JPEG comment', 'value': 'hello'}]
  assert facts['edit_history'] == ['saved']
  assert {flag['id'] for flag in facts['flags']} == {
      'editor_named', 'modified_after_taken', 'size_differs',
  }  # fmt: skip
  assert jpeg_history.section(file).facts['photoshop_quality'] == 10


def test_a_position_is_given_in_degrees(opened):
  block = Image.Exif()
  block.get_ifd(0x8825).update(
      {1: 'S', 2: (33.0, 51.0, 30.0), 3: 'E', 4: (151.0, 12.0, 36.0)}
  )
  file = opened(specimens.jpeg(exif=block.tobytes()))
  gps = metadata.section(file).facts['summary']['gps']
  assert gps == {'latitude': -33.858333, 'longitude': 151.21}


@pytest.mark.parametrize('kind', ['PNG', 'WEBP', 'TIFF', 'HEIF', 'AVIF'])
def test_exif_is_read_from_other_formats(opened, kind):
  options = {'exif': specimens.exif({271: 'Canon'})}
  if kind == 'TIFF':
    options = {'tiffinfo': {271: 'Canon'}}
  try:
    if kind == 'HEIF':
      import pillow_heif

      pillow_heif.register_heif_opener()
    data = hostile.encode(specimens.photograph(), kind, **options)
  except (KeyError, ImportError, OSError):
    pytest.skip(f'{kind} is not written here')
  facts = metadata.section(opened(data, 'a')).facts
  assert facts['summary']['make'] == 'Canon'


def test_an_unset_clock_is_no_contradiction(opened):
  block = specimens.exif({306: '0000:00:00 00:00:00'})
  assert not metadata.section(opened(specimens.jpeg(exif=block))).facts['flags']


def test_a_profile_is_described(opened):
  from PIL import ImageCms

  profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
  icc = metadata.section(opened(specimens.jpeg(icc_profile=profile))).facts[
      'icc'
  ]
  assert icc['colour_space'] == 'RGB' and 'sRGB' in icc['description']


@pytest.mark.parametrize(
    ('pasted', 'agreement'), [(False, 'agrees'), (True, 'disagrees')]
)
@pytest.mark.parametrize('order', '<>')
def test_a_preview_is_compared(opened, pasted, agreement, order):
  picture = specimens.photograph(320)
  preview = specimens.jpeg(picture.resize((160, 160)), quality=75)
  if pasted:
    picture.paste((250, 250, 250), (60, 60, 140, 160))
  block = specimens.thumbnail_block(preview, order)
  section = thumbnail.section(
      opened(specimens.jpeg(picture, exif=block))
  )
  (facts,) = section.facts['previews']
  assert facts['agreement'] == agreement
  assert [item.name for item in section.pictures] == [
      'preview_exif', 'reduced_exif', 'difference_exif',
  ]  # fmt: skip


def test_a_preview_with_bars_or_of_another_shape(opened):
  picture = specimens.photograph(320).resize((320, 180))
  preview = Image.new('RGB', (160, 120))
  preview.paste(picture.resize((160, 90)), (0, 15))
  for image, agreement in (
      (picture, 'agrees'), (picture.crop((0, 0, 90, 180)), 'other shape'),
  ):  # fmt: skip
    block = specimens.thumbnail_block(specimens.jpeg(preview))
    file = opened(specimens.jpeg(image, exif=block))
    (facts,) = thumbnail.section(file).facts['previews']
    assert facts['agreement'] == agreement


def test_a_broken_preview_cannot_tell(opened):
  block = specimens.thumbnail_block(b'\xff\xd8\xff' + bytes(50))
  file = opened(specimens.jpeg(exif=block))
  (facts,) = thumbnail.section(file).facts['previews']
  assert not section_lib.is_told(facts['agreement'])


@pytest.fixture
def signed():
  pytest.importorskip('c2pa')
  pytest.importorskip('cryptography')
  return signing.sign(specimens.jpeg(), 'trainedAlgorithmicMedia')


def test_credentials_hold(opened, signed):
  facts = provenance.section(opened(signed)).facts['credentials']
  assert facts['state'] == 'valid' and facts['failures'] == []
  assert facts['signer'] == 'Test Signer'
  assert facts['digital_source_types'] == ['trainedAlgorithmicMedia']
  assert facts['actions'] == ['c2pa.created']
  assert facts['generators'] == ['Test Tool 1.0']
  assert not section_lib.is_told(facts['signer_is_trusted'])


def test_credentials_of_a_changed_file_are_invalid(opened, signed):
  changed = bytearray(signed)
  changed[-200] ^= 1
  facts = provenance.section(opened(bytes(changed))).facts['credentials']
  assert facts['state'] == 'invalid'
  assert 'assertion.dataHash.mismatch' in facts['failures']


def test_credentials_on_a_server_are_not_fetched(opened, signed, monkeypatch):
  import socket

  def refuse(*_):
    raise AssertionError('a connection')

  address = 'http://127.0.0.1:9/manifest.c2pa'
  data = signing.sign(specimens.jpeg(), 'digitalCapture', address)
  monkeypatch.setattr(socket.socket, 'connect', refuse)
  facts = provenance.section(opened(data)).facts['credentials']
  assert facts['state'] == 'remote'
  assert not section_lib.is_told(facts['claims'])


def test_no_credentials_and_broken_ones(opened, signed):
  facts = provenance.section(opened(specimens.jpeg())).facts['credentials']
  assert facts == {'state': 'absent'}
  facts = provenance.section(opened(signed[:3_000])).facts['credentials']
  assert facts.get('state') != 'valid'


def test_settings_of_generators_and_declared_types(opened):
  text = 'a cat\nSteps: 20, Sampler: Euler a, Seed: 1'
  data = specimens.png({'parameters': text, 'Title': 'x'})
  (found,) = provenance.section(opened(data)).facts['generator_settings']
  assert found == {
      'generator': 'Stable Diffusion web UI', 'field': 'parameters',
      'value': text,
  }  # fmt: skip
  comment = b'UNICODE\0' + text.encode('utf-16-be')
  block = specimens.exif({}, {37510: comment})
  (found,) = provenance.section(
      opened(specimens.jpeg(exif=block))
  ).facts['generator_settings']
  assert found['field'] == 'UserComment'
  packet = specimens.xmp(
      '',
      '<Iptc4xmpExt:DigitalSourceType rdf:resource="http://cv.iptc.org/'
      'newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>',
  )
  data = specimens.with_segments(
      specimens.jpeg(), specimens.xmp_segment(packet)
  )
  facts = provenance.section(opened(data)).facts
  assert facts['digital_source_types'] == ['trainedAlgorithmicMedia']
  assert not facts['generator_settings']


def test_pixels_that_cannot_be_decoded_are_told(opened):
  facts = identity.section(opened(hostile.jpeg_with(2)[:400])).facts
  assert not section_lib.is_told(facts['pixels'])
  assert np.isfinite(facts['bytes'])
