"""Preparation: same bytes, atomic, done once, with a full manifest."""

import collections
import errno
import hashlib
import json
import os

import numpy as np
from PIL import Image
import pytest
import trees

from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.input import pipeline
from manloc_jax.data.sampling import extract
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import arrays
from manloc_jax.data.storage import folders
from manloc_jax.data.storage import manifest
from manloc_jax.data.storage import records
from manloc_jax.data.storage.prepared_set import PreparedSet


@pytest.fixture
def tree(tmp_path):
  return trees.casia1(tmp_path / 'casia')


def content(folder):
  return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_any_number_of_workers_writes_the_same_bytes(tree, tmp_path):
  one = trees.prepared(tree, tmp_path / 'one')
  two = trees.prepared(tree, tmp_path / 'two', workers=2)
  assert one.name == two.name
  assert content(one) == content(two)


def test_the_manifest_agrees_with_the_records(tree, tmp_path):
  folder = trees.prepared(tree, tmp_path / 'out')
  parts = manifest.read(folder)['splits']
  groups = [
      {image['group'] for image in parts[name]['images']}
      for name in spec.SPLITS
  ]
  assert not (groups[0] & groups[1] | groups[0] & groups[2])
  for name, part in parts.items():
    (batch,) = pipeline.eval_batches(
        PreparedSet.open(folder), name, batch_size=part['num_patches']
    )
    assert batch['label'].sum() == part['manipulated']
    np.testing.assert_allclose(
        batch['mask'].mean(), part['manipulated_pixel_share']
    )
    indices = set(batch['image_index'].tolist())
    assert len(indices) == part['num_images'] - len(
        part['images_without_patches']
    )
  assert parts['test']['images'] == parts['test_grid']['images']
  assert parts['train']['pristine'] == parts['train']['manipulated']
  assert parts['test_grid']['num_patches'] == 6 * parts['test']['num_images']


def test_a_patch_is_cut_where_it_says(tree, tmp_path):
  folder = trees.prepared(tree, tmp_path / 'out')
  prepared = PreparedSet.open(folder)
  images = prepared.split('test_grid')['images']
  batch = next(pipeline.eval_batches(prepared, 'test_grid', batch_size=8))
  for row in range(8):
    path = tree / images[batch['image_index'][row]]['image']
    top, left, height, width = batch['box'][row]
    np.testing.assert_array_equal(
        batch['image'][row],
        np.asarray(Image.open(path))[top : top + height, left : left + width],
    )


def test_up_to_date_until_settings_or_files_change(
    tree, tmp_path, monkeypatch
):
  out = tmp_path / 'out'
  first = trees.prepared(tree, out)
  with monkeypatch.context() as patch:
    patch.setattr(extract, 'examine', None)  # Would fail if it were needed.
    assert trees.prepared(tree, out) == first
  assert trees.prepared(tree, out, seed=4) != first
  os.utime(next(tree.glob('Tp/Sp/*')), ns=(1, 1))
  assert trees.prepared(tree, out) != first


def test_every_file_left_out_is_listed(tree, tmp_path):
  def spoil(seed, how):
    stem = trees.splice(tree, f'ani{seed:04d}', f'ani{seed:04d}', seed)
    image = tree / 'Tp/Sp' / f'{stem}.jpg'
    mask = tree / 'Gt/Sp' / f'{stem}_gt.png'
    how(image, mask)
    return image.name

  black = Image.fromarray(np.zeros(trees.SIZE, np.uint8))
  turned = Image.fromarray(trees.region(0).T * 255)
  tiny = Image.fromarray(trees.photograph(0, (32, 32)))
  expected = {
      spoil(900, lambda image, mask: mask.unlink()): 'no mask',
      spoil(901, lambda image, mask: turned.save(mask)): '128x192',
      spoil(902, lambda image, mask: black.save(mask)): 'no pixel',
      spoil(903, lambda image, mask: image.write_text('x')): 'not an image',
      spoil(904, lambda image, mask: tiny.save(image)): '32x32',
  }
  folder = trees.prepared(tree, tmp_path / 'out')
  rejected = manifest.read(folder)['rejected']
  assert len(rejected) == len(expected)
  for one in rejected:
    assert expected[os.path.basename(one['path'])] in one['reason']


def test_policies_for_masks_of_another_size(tree, tmp_path):
  stem = trees.splice(tree, 'ani0901', 'ani0901', 901)
  mask = Image.fromarray(trees.region(0).T * 255)
  mask.save(tree / 'Gt/Sp' / f'{stem}_gt.png')
  resized = trees.prepared(tree, tmp_path / 'out', size_mismatch='resize')
  (note,) = manifest.read(resized)['converted']
  assert note['image_id'] == stem and 'was resized' in note['note']
  with pytest.raises(spec.DataError, match='size_mismatch to skip'):
    trees.prepared(tree, tmp_path / 'out', size_mismatch='error')


def test_pristine_images_give_pristine_patches(tree, tmp_path):
  folder = trees.prepared(
      tree,
      tmp_path / 'out',
      use_pristine=True,
      split_rule='random',
      sampler=patches.Sampler(),
  )
  part = manifest.read(folder)['splits']
  prepared = PreparedSet.open(folder)
  ids = sum((prepared.image_ids(name) for name in spec.SPLITS), [])
  assert sum(name.startswith('Au_') for name in ids) == 2
  assert part['train']['pristine'] == part['train']['manipulated']


@pytest.mark.parametrize('code', [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing(tree, tmp_path, monkeypatch, code):
  calls = []

  def fill_up(*args):
    calls.append(args)
    if len(calls) > 30:
      raise OSError(code, 'No space left on device')
    return write(*args)

  write = records.SplitWriter.write
  monkeypatch.setattr(records.SplitWriter, 'write', fill_up)
  with pytest.raises(spec.DataError, match='disk .* is full'):
    trees.prepared(tree, tmp_path / 'out')
  assert list((tmp_path / 'out').iterdir()) == []


def test_a_failure_leaves_nothing(tree, tmp_path, monkeypatch):
  monkeypatch.setattr(manifest, 'write', lambda *a, **k: 1 / 0)
  with pytest.raises(ZeroDivisionError):
    trees.prepared(tree, tmp_path / 'out')
  assert list((tmp_path / 'out').iterdir()) == []


def test_leavings_of_a_killed_run_are_removed(tmp_path):
  with folders.atomic(tmp_path / 'a') as mine:
    # No process has this number: Linux counts to 2**22 at most.
    dead = mine.with_name(mine.name.replace(str(os.getpid()), '99999999'))
    dead.mkdir()
    alive = mine.with_name(mine.name.replace(f'.{os.getpid()}.', '.1.'))
    alive.mkdir()
    with folders.atomic(tmp_path / 'b'):
      assert mine.exists() and alive.exists() and not dead.exists()
  assert {path.name for path in tmp_path.iterdir()} == {'a', 'b', alive.name}


def test_the_faster_of_two_runs_wins(tmp_path):
  with folders.atomic(tmp_path / 'a') as mine:
    (mine / 'x').write_text('mine')
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/x').write_text('theirs')
  assert (tmp_path / 'a/x').read_text() == 'theirs'
  assert len(list(tmp_path.iterdir())) == 1


def test_unusable_settings_are_refused(tree, tmp_path):
  for wrong in (
      {'split_rule': 'x'},
      {'size_mismatch': 'x'},
      {'dataset': 'x'},
      {'seed': -1},
      {'seed': float('nan')},
      {'num_shards': 0},
      {'fractions': (float('nan'), 0.5, 0.5)},
  ):
    with pytest.raises(spec.DataError, match='--config.data'):
      trees.prepared(tree, tmp_path / 'out', **wrong)
  assert not (tmp_path / 'out').exists()


def test_a_tree_without_a_usable_image_is_refused(tmp_path):
  tree = trees.casia1(tmp_path / 'casia', forged=2)
  for path in tree.glob('Tp/Sp/*'):
    path.write_text('x')
  with pytest.raises(spec.DataError, match='left out'):
    trees.prepared(tree, tmp_path / 'out')


def test_the_manifest_is_plain_json(tree, tmp_path):
  folder = trees.prepared(tree, tmp_path / 'out')
  read = json.loads((folder / manifest.FILE).read_text())
  assert read['settings']['sampler']['stride'] == 32


@pytest.mark.parametrize('backend', ['tfrecord', 'memory'])
def test_an_image_found_broken_late_changes_nothing_else(
    tree, tmp_path, backend
):
  stem = trees.splice(tree, 'ani0900', 'ani0900', 900)
  image = tree / 'Tp/Sp' / f'{stem}.jpg'
  image.write_bytes(image.read_bytes()[:-4000])
  with_it = trees.prepared(tree, tmp_path / 'out', backend=backend)
  image.unlink()
  without = trees.prepared(tree, tmp_path / 'out', backend=backend)
  (rejected,) = manifest.read(with_it)['rejected']
  assert 'broken' in rejected['reason']
  one, two = content(with_it), content(without)
  one.pop(manifest.FILE), two.pop(manifest.FILE)
  assert one == two


def test_every_file_is_decoded_once(tree, tmp_path, monkeypatch):
  decoded = collections.Counter()
  load = images._read_stored

  def count(path):
    decoded[path] += 1
    return load(path)

  monkeypatch.setattr(images, '_read_stored', count)
  trees.prepared(tree, tmp_path / 'out')
  assert len(decoded) == 24 and set(decoded.values()) == {1}


def test_other_bytes_have_another_version(tmp_path):
  """Where this fails, raise FORMAT_VERSION and write both down anew.

  Lossless files, some tagged as turned, and windows that no library
  resizes: the bytes are a property of this package alone.
  """
  tree = trees.folder(tmp_path / 'tree')
  for i, path in enumerate(sorted(tree.glob('images/?.*'))):
    path.unlink()
    exif = Image.Exif()
    exif[0x0112] = 6 if i % 2 else 1
    pixels = Image.fromarray(trees.photograph(i))
    pixels.save(path.with_suffix('.tif'), exif=exif)
  folder = trees.prepared(
      tree,
      tmp_path / 'out',
      dataset='folder',
      backend='memory',
      sampler=patches.Sampler(sources=('window',)),
  )
  digest = hashlib.sha256()
  prepared = PreparedSet.open(folder)
  for split in (*spec.SPLITS, 'test_grid'):
    for name, array in sorted(arrays.load(prepared, split).items()):
      digest.update(name.encode() + array.tobytes())
  assert (manifest.FORMAT_VERSION, digest.hexdigest()[:12]) == (
      3,
      '49701ce429ea',
  )
