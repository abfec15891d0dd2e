"""Quantization tables: read from headers, kept from file to batch."""

import io
import itertools
import pathlib

from forged_trees import write
import numpy as np
from PIL import Image
import pytest
import trees

from manloc_jax.data import degrade
from manloc_jax.data import images
from manloc_jax.data import prepare
from manloc_jax.data import spec
from manloc_jax.data.decoding import quantization
from manloc_jax.data.forge import sequence
from manloc_jax.data.forge import tree as tree_lib
from manloc_jax.data.input import online
from manloc_jax.data.input import pipeline
from manloc_jax.data.sampling import degraded_windows
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import backend
from manloc_jax.data.storage.prepared_set import PreparedSet
from manloc_jax.training import device_dataset
from manloc_jax.training import sharding

# Not symmetric, so that a transposed table shows.
TABLE = list(range(3, 67))
SIZE = (96, 128)  # Of forgeries.


def table_of(path: pathlib.Path) -> np.ndarray:
  """What Pillow reports, ones for files that are not JPEG."""
  with Image.open(path) as image:
    flat = getattr(image, 'quantization', {}).get(0, [1] * 64)
  return np.array(flat).reshape(8, 8)


def test_only_the_header_is_read(tmp_path, monkeypatch):
  path = tmp_path / 'a.jpg'
  Image.fromarray(trees.photograph(0)).save(path, qtables=[TABLE, TABLE])
  whole = path.read_bytes()
  path.write_bytes(whole[: len(whole) // 2])
  found = quantization.read(path)
  assert found is not None and found.dtype == np.int32
  assert found.ravel().tolist() == TABLE
  np.testing.assert_array_equal(quantization.of_bytes(whole), found)


def test_it_belongs_to_pixels_that_are_not_turned(tmp_path):
  path = tmp_path / 'a.jpg'
  exif = Image.Exif()
  exif[0x0112] = 6
  image = Image.fromarray(trees.photograph(0))
  image.save(path, qtables=[TABLE, TABLE], exif=exif)
  assert images.read_image(path).orientation == 6
  assert images.read_image(path).pixels.shape[:2] == trees.SIZE
  found = quantization.read(path)
  assert found is not None and found.ravel().tolist() == TABLE


@pytest.mark.parametrize('suffix', ['png', 'tif', 'webp'])
def test_other_files_have_none(tmp_path, suffix):
  path = tmp_path / f'a.{suffix}'
  Image.fromarray(trees.photograph(0)).save(path)
  assert quantization.read(path) is None
  assert quantization.of_bytes(path.read_bytes()) is None


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
  """JPEG files of many tables, and some PNG files among them."""
  root = trees.casia1(tmp_path_factory.mktemp('tree') / 'casia')
  for i, path in enumerate(sorted(root.glob('Tp/Sp/*'))):
    image = Image.fromarray(trees.photograph(i))
    if i % 4:
      table = np.clip(np.array(TABLE) + 10 * i, 1, 255).tolist()
      image.save(path, 'JPEG', qtables=[table, table])
    else:
      image.save(path, 'PNG')
  return root


@pytest.mark.parametrize('kind', ['tfrecord', 'memory'])
def test_every_patch_has_the_table_of_its_file(kind, tree, tmp_path):
  prepared = PreparedSet.open(trees.prepared(tree, tmp_path, backend=kind))
  known, sources = {}, set()
  for split in (*spec.SPLITS, 'test_grid'):
    records = prepared.records(split, tree)
    (batch,) = backend.eval_batches(
        prepared, split, batch_size=prepared.count(split)
    )
    assert batch['compression'].dtype == np.uint8
    for i, box in enumerate(batch['box'].tolist()):
      path = records[batch['image_index'][i]].image
      is_on_grid = box[2:] == [64, 64] and not (box[0] % 8 or box[1] % 8)
      want = table_of(path) if is_on_grid else np.ones((8, 8))
      np.testing.assert_array_equal(batch['compression'][i, ..., 0], want)
      sources.add((int(batch['source'][i]), bool((want == 1).all())))
      known[batch['image'][i].tobytes()] = want
  # Windows of JPEG files and of others; boxes, which were resized.
  assert {(0, False), (0, True), (1, True)} <= sources
  if kind == 'memory':
    mesh = sharding.make_mesh()
    batches = device_dataset.train_batches(
        prepared, mesh, batch_size=8, seed=0
    )
  else:
    batches = pipeline.train_batches(prepared, batch_size=8, seed=0)
  for batch in itertools.islice(batches, 3):
    for image, table in zip(
        np.asarray(batch['image']), np.asarray(batch['compression'])[..., 0],
        strict=True,
    ):
      np.testing.assert_array_equal(table, known[image.tobytes()])


def test_patches_that_are_generated_online_have_it(tmp_path):
  root = tmp_path / 'tree'
  write(root, workers=1, size=SIZE)
  folder = prepare.prepare(
      dataset='synthetic',
      root=root,
      out=tmp_path / 'out',
      seed=0,
      split_rule='given',
      backend='online',
      # All pristine patches: regions are too small here to balance them.
      sampler=patches.Sampler(stride=16, window_grid=8, neg_per_pos=0),
      workers=1,
  )
  (batch,) = itertools.islice(
      online.train_batches(
          PreparedSet.open(folder),
          batch_size=60,
          seed=5,
          images_per_group=6,
          patches_per_image=10,
          workers=1,
      ),
      1,
  )
  photographs = tree_lib.opened(tree_lib.listed(root, 'train'))
  known = {}
  for i in range(6):
    forgery = sequence.generate(photographs, 5, i, SIZE)
    path = tmp_path / f'{i}{forgery.suffix}'
    path.write_bytes(forgery.file)
    height, width = forgery.mask.shape
    for top in range(0, height - 63, 8):
      for left in range(0, width - 63, 8):
        window = forgery.image[top : top + 64, left : left + 64]
        known[window.tobytes()] = table_of(path)
  is_window = 0
  for image, table in zip(
      batch['image'], batch['compression'][..., 0], strict=True
  ):
    if (table == 1).all():  # A box, or a window of a PNG file.
      continue
    is_window += 1
    np.testing.assert_array_equal(table, known[image.tobytes()])
  assert 0 < is_window < 60
  assert len(np.unique(batch['compression'], axis=0)) > 2


def test_degraded_windows_have_the_table_of_their_last_compression(
    tree, tmp_path
):
  prepared = PreparedSet.open(trees.prepared(tree, tmp_path))
  records = prepared.records('train', tree)
  record = next(r for r in records if table_of(r.image).max() > 1)
  encoded = tmp_path / 'q50.jpg'
  Image.fromarray(trees.photograph(0)).save(encoded, quality=50)
  encoded_75 = tmp_path / 'q75.jpg'
  Image.fromarray(trees.photograph(0)).save(encoded_75, quality=75)
  for series, level, want in (
      (None, 0, table_of(record.image)),
      ('jpeg', 50, table_of(encoded)),
      ('jpeg', 100, np.ones((8, 8))),
      ('noise', 3, np.ones((8, 8))),
      ('blur', 3, np.ones((8, 8))),
      ('resize', 0.9, np.ones((8, 8))),
      ('web', '1080px q75', table_of(encoded_75)),
  ):
    cut = degraded_windows.cut(record, prepared.job, series, level)
    (batch,) = degraded_windows.batches([cut], batch_size=len(cut) + 1)
    tables = batch['compression'][..., 0]
    np.testing.assert_array_equal(tables[-1], np.ones((8, 8)))  # Padding.
    on_grid = [patch.box[1] % 8 == patch.box[0] % 8 == 0 for patch in cut]
    assert any(on_grid)
    for table, is_on_grid in zip(tables[:-1], on_grid, strict=True):
      np.testing.assert_array_equal(table, want if is_on_grid else 1)
  assert set(degrade.SERIES) == {'jpeg', 'noise', 'blur', 'resize', 'web'}


@pytest.mark.parametrize('quality', (20, 35, 50, 75, 90, 99))
def test_quality_of_libjpeg_is_told(quality):
  encoded = io.BytesIO()
  Image.fromarray(trees.photograph(0)).save(encoded, 'JPEG', quality=quality)
  table = quantization.of_bytes(encoded.getvalue())
  assert abs(quantization.quality(table) - quality) <= 1
