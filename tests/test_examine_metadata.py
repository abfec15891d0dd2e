"""Metadata of every kind of block, and contradictions in them."""

import struct

import hostile
from PIL import Image
import pytest
import specimens

from manloc_jax.examine import jpeg_history
from manloc_jax.examine import metadata


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
