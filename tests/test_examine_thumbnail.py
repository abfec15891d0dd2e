"""Embedded previews, compared with the image around them."""

from PIL import Image
import pytest
import specimens

from manloc_jax.examine import section as section_lib
from manloc_jax.examine import thumbnail


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


@pytest.mark.parametrize('turns', [0, 90, 270])
def test_a_turned_picture_may_have_a_preview_with_bars(opened, turns):
  upright = specimens.photograph(320).resize((240, 320))
  preview = Image.new('RGB', (160, 120))
  preview.paste(upright.resize((90, 120)), (35, 0))
  block = specimens.thumbnail_block(specimens.jpeg(preview))
  picture = upright.rotate(turns, expand=True)
  (facts,) = thumbnail.section(
      opened(specimens.jpeg(picture, exif=block))
  ).facts['previews']
  assert facts['agreement'] == 'agrees'


def test_a_broken_preview_cannot_tell(opened):
  block = specimens.thumbnail_block(b'\xff\xd8\xff' + bytes(50))
  file = opened(specimens.jpeg(exif=block))
  (facts,) = thumbnail.section(file).facts['previews']
  assert not section_lib.is_told(facts['agreement'])
