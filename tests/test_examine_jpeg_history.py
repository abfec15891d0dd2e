"""JPEG history: coding, tables and the encoders that write them."""

import io

from PIL import Image
import pytest
import specimens

from manloc_jax.examine import encoder_tables
from manloc_jax.examine import jpeg_history
from manloc_jax.examine import opened_file
from manloc_jax.examine import section as section_lib


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
  assert encoder_tables.standard_quality(luma) == quality


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
