"""Every dataset: pairs, polarity, kinds, groups, and what is left out."""

import collections
import pathlib

import numpy as np
import pytest
import trees

from manloc_jax.data import datasets
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import manifest

SHARE = 48 * 64 / (128 * 192)  # Of `trees.region`.
STRANGER = 'holiday snap.jpg'
# Name: kinds, groups, other sizes (found when images are decoded).
EXPECTED = {
    'autosplice': ({'inpainting': 12, 'none': 6}, 6, 0),
    'casia1': ({'splice': 12, 'none': 2}, 12, 0),
    'casia2': ({'splice': 3, 'copy-move': 3, 'none': 6}, 6, 0),
    'cocoglide': ({'inpainting': 6, 'none': 6}, 6, 0),
    'columbia': ({'splice': 6, 'none': 6}, 6 + 3, 0),
    'comofod': ({'copy-move': 12, 'none': 12}, 4, 0),
    'coverage': ({'copy-move': 6, 'none': 6}, 6, 1),
    'dso1': ({'splice': 6, 'none': 6}, 12, 0),
    'folder': ({'unknown': 6}, 6, 0),
    'ifs': ({'unknown': 6, 'none': 6}, 12, 1),
    'imd2020': ({'unknown': 8, 'none': 4}, 4, 0),
    'nist16': (
        {'removal': 2, 'splice': 2, 'copy-move': 2, 'none': 4}, 3 + 4, 0
    ),
    'realistic': ({'unknown': 6, 'none': 6}, 6, 0),
}


@pytest.fixture(params=sorted(trees.MAKERS))
def tree(request, tmp_path):
  """Name of a dataset, and its tree two folders below the root."""
  name = request.param
  trees.MAKERS[name](tmp_path / 'root/copy of the set')
  return name, tmp_path / 'root'


def find(name, root):
  return datasets.get(name).find_records(root)


def by_id(name, root):
  return {record.image_id: record for record in find(name, root)[0]}


# Sets that are made here, by the file that tests them.
MADE = {
    'dial': 'test_data_forge_dial.py',
    'standin': 'test_benchmarks_standin.py',
    'synthetic': 'test_data_forge.py',
}


@pytest.mark.parametrize('name', datasets.DATASETS)
def test_each_set_has_a_test(name):
  file = MADE.get(name, f'test_data_datasets_{name}.py')
  assert name in EXPECTED or pathlib.Path(__file__).with_name(file).exists(), (
      f'give {name!r} a tree in tests/trees.py and a row in EXPECTED, or write'
      f' tests/{file}'
  )


def test_each_maker_has_a_set():
  assert set(EXPECTED) == set(trees.MAKERS) < set(datasets.DATASETS)


def test_kinds_and_groups(tree):
  name, root = tree
  records, rejected = find(name, root)
  kinds, groups, _ = EXPECTED[name]
  found = collections.Counter(record.manipulation for record in records)
  assert found == kinds
  assert len({record.group for record in records}) == groups
  assert len({record.image_id for record in records}) == len(records)
  has_stranger = name not in ('casia1', 'nist16')
  strangers = [STRANGER] if has_stranger else []
  assert [one.path.split('/')[-1] for one in rejected] == strangers


def likest(pixels, make):
  """Returns the seed of trees whose pixels are most like these."""
  seeds = range(16)
  return max(seeds, key=lambda i: np.corrcoef(
      pixels.ravel(), make(i, pixels.shape[:2]).ravel()
  )[0, 1])


def test_polarity_and_pairs(tree):
  """An image and its mask were made from one seed, and nothing else was."""
  name, root = tree
  dataset = datasets.get(name)
  records, _ = dataset.find_records(root)
  other_sizes = 0
  for record in records:
    assert (record.mask is None) == (record.manipulation == 'none')
    if record.mask is None:
      continue
    mask = images.read_mask(
        record.mask, dataset.is_manipulated, dataset.mask_mode
    )
    assert mask.mean() == pytest.approx(SHARE, rel=0.1)
    image = images.read_image(record.image).pixels
    assert likest(mask, trees.region) == likest(image, trees.photograph)
    other_sizes += mask.shape != image.shape[:2]
  assert other_sizes == EXPECTED[name][2]


def test_published_counts_have_both_kinds():
  for dataset in datasets.DATASETS.values():
    keys = {'manipulated', 'pristine'} if dataset.published else set()
    assert set(dataset.published) == keys
  unpublished = {
      name
      for name in (*EXPECTED, 'demo', 'synthetic')
      if not datasets.get(name).published
  }
  # Of AutoSplice the number of copies was not found.
  assert unpublished == {'autosplice', 'folder', 'synthetic'}


def test_each_is_prepared_end_to_end(tree, tmp_path):
  name, root = tree
  folder = trees.prepared(
      root,
      tmp_path / 'out',
      dataset=name,
      use_pristine=True,
      backend='memory',
      sampler=patches.Sampler(max_per_image=2),
  )
  content = manifest.read(folder)
  used = sum(content['splits'][part]['num_images'] for part in spec.SPLITS)
  kinds, _, other_sizes = EXPECTED[name]
  assert used == sum(kinds.values()) - other_sizes
  reasons = [one['reason'] for one in content['rejected']]
  assert sum('its mask has' in reason for reason in reasons) == other_sizes
  assert not content['warnings']
  assert content['splits']['train']['manipulated'] > 0


@pytest.fixture(scope='module')
def shelf(tmp_path_factory):
  """All sets under one root."""
  root = tmp_path_factory.mktemp('shelf')
  for name, make in trees.MAKERS.items():
    make(root / f'the set {name}')
  return root


@pytest.mark.parametrize('name', sorted(trees.MAKERS))
def test_other_sets_under_the_root_are_left_alone(shelf, name):
  assert find(name, shelf) == find(name, shelf / f'the set {name}')


def test_wide_patterns_keep_to_folders_with_forgeries(tmp_path):
  alone, _ = find('realistic', trees.realistic(tmp_path))
  trees.ifs(tmp_path / 'ifs')
  (tmp_path / 'ifs/dataset-dist/phase-01/training').rename(
      tmp_path / 'training'
  )
  records, rejected = find('realistic', tmp_path)
  assert records == alone
  # They lie beside the cameras, so that they might be part of the set.
  reasons = [one.reason for one in rejected if 'pristine' in one.path]
  assert reasons == ['there is no forged image beside it'] * 6


def test_two_copies_are_refused(tmp_path):
  for name in ('one', 'two'):
    trees.dso1(tmp_path / name)
  with pytest.raises(spec.DataError, match='2 copies.*--config.data.root='):
    find('dso1', tmp_path)


@pytest.mark.parametrize('name', sorted(trees.MAKERS))
def test_an_empty_root_is_refused(name, tmp_path):
  with pytest.raises(spec.DataError, match='must.*--config.data.root='):
    find(name, tmp_path)


def test_an_image_without_a_mask_and_a_mask_without_an_image(tmp_path):
  root = trees.coverage(tmp_path / 'coverage')
  (root / 'mask/3forged.tif').unlink()
  (root / 'image/4t.tif').unlink()
  _, rejected = find('coverage', root)
  reasons = {one.path.split('/')[-1]: one.reason for one in rejected}
  assert 'no mask' in reasons['3t.tif']
  assert 'no image' in reasons['4forged.tif']


def test_two_masks_of_one_image_are_not_guessed_at(tmp_path):
  root = trees.folder(tmp_path / 'folder')
  trees.save(root / 'masks/2.bmp', trees.region(7) * 255)
  records, rejected = find('folder', root)
  assert len(records) == 5
  assert any('2 masks' in one.reason for one in rejected)


def test_strangers_outside_the_set_are_not_its_business(tmp_path):
  trees.dso1(tmp_path / 'sets/dso')
  trees.save(tmp_path / 'sets/elsewhere/a.png', trees.region(0))
  _, rejected = find('dso1', tmp_path)
  assert [one.path.split('/')[-1] for one in rejected] == [STRANGER]


def test_case_does_not_matter(tmp_path):
  root = trees.columbia(tmp_path / 'columbia')
  (root / '4cam_splc').rename(root / '4CAM_SPLC')
  for path in (root / '4CAM_SPLC').glob('*.tif'):
    path.rename(path.with_name(path.name.upper()))
  records, _ = find('columbia', root)
  assert sum(record.mask is not None for record in records) == 6


def test_coverage_pairs_forged_masks_only(tmp_path):
  found = by_id('coverage', trees.coverage(tmp_path / 'coverage'))
  assert found['2t'].mask.name == '2forged.tif'
  assert found['2'].mask is None and found['2'].group == found['2t'].group


def test_casia2_names(tmp_path):
  found = by_id('casia2', trees.casia2(tmp_path / 'casia2'))
  masks = {i.split('_')[-1]: r.mask.stem for i, r in found.items() if r.mask}
  assert masks['00001'].endswith('_gt3')
  assert masks['00000'].startswith('Tp_S')
  assert not any('xxx' in record.group for record in found.values())


def test_columbia_green_is_spliced_whatever_its_grey():
  read = datasets.get('columbia').is_manipulated
  colours = [[255, 0, 0], [128, 0, 0], [0, 255, 0], [0, 128, 0], [9, 15, 3]]
  np.testing.assert_array_equal(
      read(np.array([colours], np.uint8)), [[0, 0, 1, 1, 0]]
  )


def test_comofod_copies_share_mask_and_group(tmp_path):
  found = by_id('comofod', trees.comofod(tmp_path / 'comofod'))
  forged = [found[f'002_F{copy}'] for copy in ('', '_JC1', '_CA3')]
  assert {record.mask.name for record in forged} == {'002_B.png'}
  assert {record.group for record in (*forged, found['002_O'])} == {'002'}


def test_imd2020_ids_name_the_thread(tmp_path):
  found = by_id('imd2020', trees.imd2020(tmp_path / 'imd'))
  assert found['1a0ogs_c8tf5mq_0'].mask.name == 'c8tf5mq_0_mask.png'
  assert found['1a0ogs_1a0ogs_orig'].mask is None


def write_table(root, *rows, header='image,mask,group,manipulation,split'):
  trees.folder(root)
  (root / 'images.csv').write_text('\n'.join((header, *rows)) + '\n')
  return root


def test_a_table_says_all(tmp_path):
  root = write_table(
      tmp_path / 'own',
      'images/0.png,masks/0.png,a,splice,train',
      'images/1.JPG,masks/1.png,,,',
      'images/2.JPG,,a,,test',
      'images/gone.png,,,,',
      'images/3.JPG,masks/gone.png,,,',
      ',masks/3.png,,,',
  )
  records, rejected = find('folder', root)
  assert [
      (r.image_id, r.mask and r.mask.name, r.group, r.manipulation, r.split)
      for r in records
  ] == [
      ('images/0', '0.png', 'a', 'splice', 'train'),
      ('images/1', '1.png', 'images/1.JPG', 'unknown', None),
      ('images/2', None, 'a', 'none', 'test'),
  ]
  assert ['gone' in one.reason for one in rejected] == [True, True, False]


def test_a_table_may_be_short(tmp_path):
  root = write_table(tmp_path / 'own', 'images/0.png;', header='image;mask')
  (record,), _ = find('folder', root)
  assert record.mask is None and record.group == 'images/0.png'


@pytest.mark.parametrize(
    'header, row, match',
    [
        ('image,truth', 'images/0.png,', 'mask'),
        ('image,mask,split', 'images/0.png,,dev', 'dev.*train'),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path, header, row, match):
  root = write_table(tmp_path / 'own', row, header=header)
  with pytest.raises(spec.DataError, match=match):
    find('folder', root)
