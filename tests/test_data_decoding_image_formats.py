"""AVIF and HEIC are read, limits hold, and threads agree on warnings."""

import sys
import threading
import warnings

import numpy as np
from PIL import Image
import pytest

from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.decoding import declared_size
from manloc_jax.data.decoding import image_formats
from manloc_jax.data.decoding import quiet

RGB = np.zeros((48, 64, 3), np.uint8)
RGB[8:40, 16:50] = (200, 90, 40)


@pytest.fixture
def heic(tmp_path):
  pillow_heif = pytest.importorskip('pillow_heif')
  path = tmp_path / 'a.heic'
  pillow_heif.from_pillow(Image.fromarray(RGB)).save(path, quality=90)
  return path


def close(pixels):
  return np.abs(pixels.astype(int) - RGB).mean() < 4


def test_heic_is_read_and_pillow_does_not_learn_it(heic, monkeypatch):
  monkeypatch.delitem(Image.OPEN, 'HEIF', raising=False)  # By writing it.
  assert close(images.read_image(heic).pixels)
  assert images.read_size(heic) == (48, 64)
  assert 'HEIF' not in Image.OPEN


def test_heic_names_the_extra_that_reads_it(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'pillow_heif', None)
  path = tmp_path / 'a.heic'
  path.write_bytes(b'\0\0\0\x18ftypheic\0\0\0\0mif1heic')
  with pytest.raises(spec.DataError, match=r"'manloc_jax\[heif\]'"):
    images.read_image(path)


def test_broken_heic_is_refused(heic):
  heic.write_bytes(heic.read_bytes()[:-50])
  with pytest.raises(spec.DataError, match='broken'):
    images.read_image(heic)


def test_avif_is_read(tmp_path):
  path = tmp_path / 'a.avif'
  Image.fromarray(RGB).save(path, quality=90)
  assert close(images.read_image(path).pixels)


def test_avif_names_the_pillow_that_reads_it(tmp_path, monkeypatch):
  monkeypatch.delitem(Image.OPEN, 'AVIF')
  monkeypatch.setattr(image_formats.features, 'check', lambda name: False)
  path = tmp_path / 'a.avif'
  path.write_bytes(b'\0\0\0\x18ftypavif\0\0\0\0mif1avif')
  with pytest.raises(spec.DataError, match='pillow>=11.3'):
    images.read_image(path)


@pytest.mark.parametrize('suffix', ['avif', 'heic'])
def test_new_formats_have_the_same_limit(suffix, tmp_path, monkeypatch, heic):
  path = heic if suffix == 'heic' else tmp_path / 'a.avif'
  if suffix == 'avif':
    Image.fromarray(RGB).save(path)
  monkeypatch.setattr(declared_size, 'MAX_PIXELS', 1000)
  with pytest.raises(spec.DataError, match='bomb'):
    images.read_image(path)


def test_every_format_has_suffixes_in_the_one_list():
  assert len(set(image_formats.SUFFIXES)) == len(image_formats.SUFFIXES)
  assert {'.ppm', '.avif', '.heic', '.jpg'} <= set(image_formats.SUFFIXES)


def test_threads_leave_the_filters_of_warnings_as_they_were():
  before = list(warnings.filters)
  first, second = threading.Event(), threading.Event()

  def leaves_first():
    with quiet.WITHOUT_WARNINGS:
      first.set()
      second.wait(5)

  thread = threading.Thread(target=leaves_first)
  thread.start()
  first.wait(5)
  with quiet.WITHOUT_WARNINGS:
    second.set()
    thread.join()
    with warnings.catch_warnings(record=True) as caught:
      warnings.warn('an oddity', stacklevel=1)
    assert not caught
  assert warnings.filters == before


def test_missing_memory_is_no_fault_of_the_file(tmp_path):
  path = tmp_path / 'a.png'
  Image.new('RGB', (8, 8)).save(path)
  with pytest.raises(MemoryError, match='a.png'):
    with image_formats.opened(path):
      raise MemoryError


@pytest.mark.parametrize(
    ('error', 'words'),
    [
        (PermissionError(13, 'Not yours'), 'cannot be read .Not yours.'),
        (OSError('image file is truncated'), 'is broken .image file is'),
    ],
)
def test_a_file_is_broken_only_where_its_content_is(error, words, tmp_path):
  Image.new('RGB', (8, 8)).save(tmp_path / 'a.png')
  with pytest.raises(spec.DataError, match=words) as refusal:
    with image_formats.opened(tmp_path / 'a.png'):
      raise error
  assert 'a.png' in str(refusal.value)
