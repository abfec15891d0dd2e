"""Maps of other tools: formats, keys, sizes, and what is refused."""

import dataclasses
import os
import struct
import tracemalloc
import zlib

import cv2
import hostile
import numpy as np
from PIL import Image
import pytest
from scipy import io

from manloc_jax.data import spec
from manloc_jax.evaluation import map_files
from manloc_jax.localization import batch
from manloc_jax.localization import localizer

SIZE = (24, 36)


@pytest.fixture
def raw():
  return np.random.default_rng(0).random(SIZE, np.float32)


def save_png(path, raw, bits):
  levels = np.rint(raw * (2**bits - 1)).astype(f'uint{bits}')
  Image.fromarray(levels).save(path)


@pytest.mark.parametrize(
    ('name', 'save', 'error'),
    [
        ('a.png', lambda path, raw: save_png(path, raw, 8), 1 / 255),
        ('a.PNG', lambda path, raw: save_png(path, raw, 16), 1 / 65535),
        ('a.npy', np.save, 0),
        ('a.npy', lambda p, raw: np.save(p, raw[None, :, :, None]), 0),
        ('a.npy', lambda p, r: np.save(p, (r * 255).astype('u1')), 1 / 255),
        ('a.npz', lambda p, raw: np.savez(p, raw), 0),
        ('a.npz', lambda p, raw: np.savez(p, map=raw, conf=1 - raw), 0),
        ('a.npz', lambda p, raw: np.savez(p, score=raw), 0),
        ('a.npz', lambda p, r: np.savez(p, x=r, imgsize=[24, 36], y=[1.0]), 0),
        ('a.npz', lambda p, r: np.savez(p, map=r, o=np.array([{}, 'x'])), 0),
        ('a.mat', lambda p, raw: io.savemat(p, {'map': raw}), 0),
        ('a.mat', lambda p, raw: io.savemat(p, {'result': raw}), 0),
    ],
)
def test_formats(name, save, error, raw, tmp_path):
  save(tmp_path / name, raw)
  given = map_files.read(tmp_path / name, SIZE)
  assert given.raw.dtype == np.float32 and given.raw.shape == SIZE
  assert np.abs(given.raw - raw).max() <= error
  assert given.is_probability and not given.note
  assert given.mask is None and given.image_score is None


def test_the_score_of_the_image(raw, tmp_path):
  path = tmp_path / 'a.npz'
  np.savez(path, map=raw, score=np.float32(0.75), conf=raw)
  assert map_files.read(path, SIZE).image_score == 0.75
  np.savez(path, map=raw, score=np.nan)
  assert map_files.read(path, SIZE).image_score is None


def test_what_is_no_probability(raw, tmp_path):
  path = tmp_path / 'a.npy'
  np.save(path, raw * 3 - 1)
  given = map_files.read(path, SIZE)
  assert not given.is_probability
  np.testing.assert_array_equal(given.raw, raw * 3 - 1)


def test_other_sizes(raw, tmp_path):
  path = tmp_path / 'a.npz'
  np.savez(path, map=raw, mask=raw > 0.5)
  for size in ((48, 72), (49, 73), (12, 18)):
    given = map_files.read(path, size)
    assert given.raw.shape == size and given.mask.shape == size
    np.testing.assert_array_equal(
        given.raw, cv2.resize(raw, size[::-1], interpolation=cv2.INTER_LINEAR)
    )
    assert '36x24 pixels and was resized' in given.note
  np.save(tmp_path / 'square.npy', raw[:, :24])
  assert map_files.read(tmp_path / 'square.npy', SIZE).raw.shape == SIZE


@pytest.mark.parametrize(
    ('name', 'save', 'words'),
    [
        ('a.npy', lambda p, raw: np.save(p, raw.T), 'other proportions'),
        ('a.npy', lambda p, raw: np.save(p, raw[:, :30]), 'other proportions'),
        ('a.npy', lambda p, r: np.save(p, np.log(r - r.min())), 'not finite'),
        ('a.npy', lambda p, raw: np.save(p, raw.astype('f8') * 1e300), 'not f'),
        ('a.npy', lambda p, raw: np.save(p, raw[0]), 'none is known'),
        ('a.npy', lambda p, raw: np.save(p, raw[:0]), 'no pixel'),
        ('a.npy', lambda p, raw: p.write_bytes(b'NUMPY'), 'cannot be read'),
        ('a.npz', lambda p, raw: p.write_bytes(b'PK\3\4'), 'cannot be read'),
        ('a.npz', lambda p, raw: np.savez(p, a=raw, b=raw), 'none is known'),
        ('a.npz', lambda p, raw: np.savez(p, a=np.array('x')), 'no array'),
        ('a.png', lambda p, raw: p.write_bytes(b'\x89PNG'), 'not an image'),
        ('a.png', lambda p, raw: p.write_bytes(b''), 'not an image'),
        (
            'a.png',
            lambda p, raw: Image.new('RGB', (36, 24), 'red').save(p),
            'in colour',
        ),
        ('a.mat', lambda p, raw: p.write_bytes(b'MATLAB'), 'cannot be read'),
        ('a.mat', lambda p, raw: p.write_bytes(b''), 'cannot be read'),
    ],
)
def test_refusals(name, save, words, raw, tmp_path):
  path = tmp_path / name
  with np.errstate(divide='ignore'):
    save(path, raw)
  with pytest.raises(spec.DataError, match=words) as error:
    map_files.read(path, SIZE)
  assert str(path) in str(error.value)


def _compressed_mat(size: int) -> bytes:
  """A file whose one compressed part becomes `size` bytes."""
  header = b'MATLAB 5.0'.ljust(124) + struct.pack('<HH', 0x0100, 0x4D49)
  packer = zlib.compressobj(9)
  step = bytes(1 << 20)
  part = b''.join(packer.compress(step) for _ in range(size >> 20))
  part += packer.flush()
  return header + struct.pack('<II', 15, len(part)) + part


def test_maps_do_not_become_larger_than_any_image(tmp_path, monkeypatch):
  monkeypatch.setattr(map_files.array_files, 'MAX_BYTES', 50_000_000)
  content = {
      'a.mat': _compressed_mat(100_000_000),
      'b.npy': b'\x93NUMPY\1\0' + struct.pack('<H', 118) + (
          b"{'descr': '<f8', 'fortran_order': False, 'shape': (90000, 90000)}"
      ).ljust(117) + b'\n' + bytes(64),
      'c.png': hostile.png(60_000, 60_000),
      'd.png': hostile.png(9000, 9000, data=zlib.compress(bytes(1000))),
  }  # fmt: skip
  for name, data in content.items():
    path = tmp_path / name
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(spec.DataError):
      map_files.read(path, SIZE)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000, name
    tracemalloc.stop()


def test_no_map_is_waited_for(tmp_path):
  for suffix in map_files.SUFFIXES:
    path = tmp_path / f'a{suffix}'
    os.mkfifo(path)
    with pytest.raises(spec.DataError, match='no regular file'):
      map_files.read(path, SIZE)


@pytest.mark.parametrize('is_forgery_probability', [False, True])
def test_the_threshold_of_a_mask_decides_no_probability(
    raw, tmp_path, is_forgery_probability
):
  facts = {}
  if is_forgery_probability:
    facts = {localizer.IS_FORGERY_PROBABILITY: True}
  result = dataclasses.replace(
      localizer.summarize(raw, raw, 0.25), facts=facts
  )
  with (tmp_path / 'a.npz').open('wb') as file:
    batch.save_npz(
        file, result, is_probability=True, can_measure=np.ones((3, 5), bool)
    )
  given = map_files.read(tmp_path / 'a.npz', SIZE)
  assert given.threshold == (None if is_forgery_probability else 0.25)
  assert given.image_score == pytest.approx(result.image_score)
