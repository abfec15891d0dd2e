"""The stand-in for NIST16: its tree is NIST's, and it can be prepared."""

import csv
import io
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest

from manloc_jax.benchmarks import nist_probes
from manloc_jax.benchmarks import nist_tree
from manloc_jax.benchmarks import prepare as benchmark
from manloc_jax.data import datasets
from manloc_jax.data import images
from manloc_jax.data import prepare
from manloc_jax.data import spec
from manloc_jax.data.datasets import nist16
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import manifest


def make(test_data, out, targets, **changes):
  arguments = {'long_side': 320, 'workers': 1, **changes}
  return nist_tree.make(
      test_data / 'nc2016',
      test_data / 'camera_jpegs',
      out,
      targets=targets,
      **arguments,
  )


@pytest.fixture(scope='module')
def tree(test_data, tmp_path_factory):
  root = tmp_path_factory.mktemp('standin') / 'NC2016_Test0601'
  return root, make(test_data, root, 10)


def test_it_is_the_release_in_small(tree, test_data):
  root, missing = tree
  table = 'reference/manipulation/NC2016-manipulation-ref.csv'
  theirs = (test_data / 'nc2016' / table).read_text().splitlines()
  ours = (root / table).read_text().splitlines()
  assert ours[0] == theirs[0] and set(ours) < set(theirs)
  records, rejected = datasets.get('nist16').find_records(root.parent)
  forged = [record for record in records if record.mask]
  assert len(forged) == 10
  assert 'splice' in {record.manipulation for record in forged}
  for record in forged:
    whole = Image.open(
        test_data / 'nc2016/reference/manipulation/mask' / record.mask.name
    )
    size = Image.open(record.image).size
    assert size == Image.open(record.mask).size
    assert max(size) == 320
    assert size[0] / size[1] == pytest.approx(
        whole.size[0] / whole.size[1], rel=0.01
    )
  # The masks that are not here are listed by the command and by preparation.
  gone = [
      row
      for row in csv.DictReader(io.StringIO('\n'.join(ours)), delimiter='|')
      if row['ProbeMaskFileName'] in missing
  ]
  assert len(gone) == len(rejected) == 2 * len(missing)


def test_it_is_a_set_of_its_own(tree):
  root, _ = tree
  theirs, ours = (
      datasets.get(name).find_records(root) for name in ('nist16', 'standin')
  )
  assert ours == theirs
  assert datasets.get('standin').published == {}


def test_with_enough_files_each_serves_one_scene(test_data):
  rows = nist16.read_table(nist16.find_table(test_data / 'nc2016'))
  forged = [row for row in rows if nist16.is_yes(row['IsTarget'])]
  bases = len({row['BaseFileName'] for row in forged})
  for count, distinct in ((2 * bases, 2 * bases), (9, 9)):
    files = [pathlib.Path(f'{i}.jpg') for i in range(count)]
    scenes = nist_tree._scenes(forged, rows, files, seed=0)
    used = {path for scene in scenes for path in (scene.host, scene.donor)}
    assert len(scenes) == bases and len(used) == distinct
    assert all(scene.host != scene.donor for scene in scenes)


def test_it_can_be_prepared(tree, tmp_path):
  root, missing = tree
  folder = prepare.prepare(
      dataset='nist16',
      root=root,
      out=tmp_path,
      seed=0,
      sampler=patches.Sampler(stride=64, max_per_image=16),
      use_pristine=True,
      workers=1,
  )
  content = manifest.read(folder)
  assert len(content['rejected']) == 2 * len(missing)
  splits = [content['splits'][name] for name in spec.SPLITS]
  assert sum(split['num_images'] for split in splits) > 10  # Controls as well.
  for split in splits:
    assert split['manipulated'] > 0
    assert all(image['manipulated'] < 0.6 for image in split['images'])


def test_probes_do_not_depend_on_their_number(tree, test_data, tmp_path):
  root, _ = tree
  make(test_data, tmp_path / 'few', 2)
  few = list((tmp_path / 'few/probe').iterdir())
  assert few
  for path in few:
    assert path.read_bytes() == (root / 'probe' / path.name).read_bytes()
  make(test_data, tmp_path / 'other', 2, seed=1)
  other = {path.name for path in (tmp_path / 'other/probe').iterdir()}
  assert other != {path.name for path in few}


def test_a_tree_is_never_overwritten(tree, test_data):
  with pytest.raises(spec.DataError, match='exists; remove it'):
    make(test_data, tree[0], 2)


@pytest.mark.parametrize('kind', ['splice', 'copy-move', 'removal'])
def test_a_forgery_stays_inside_its_mask(kind):
  rng = np.random.default_rng(0)
  host = rng.integers(0, 256, (200, 300, 3), np.uint8)
  donor = rng.integers(0, 256, (50, 60, 3), np.uint8)
  mask = np.zeros((200, 300), np.uint8)
  mask[20:90, 250:] = 1
  forged = nist_probes.forge(host, donor, mask, kind, rng)
  changed = (forged != host).any(axis=2)
  assert not changed[mask == 0].any()
  assert changed[mask == 1].mean() > 0.8


def test_masks_keep_their_bytes_at_full_size(test_data, tmp_path):
  name = 'reference/manipulation/mask/NC2016_0588.png'
  (tmp_path / name).parent.mkdir(parents=True)
  job = nist_tree.Job(test_data / 'nc2016', tmp_path, 0, None)
  read = nist_tree.copy_mask(name, job)
  whole = test_data / 'nc2016' / name
  assert (tmp_path / name).read_bytes() == whole.read_bytes()
  again = images.read_mask(tmp_path / name, nist16.DATASET.is_manipulated)
  np.testing.assert_array_equal(read, again)


@pytest.mark.slow
def test_preparation_is_measured(tree):
  root, _ = tree
  records = datasets.get('nist16').find_records(root)[0]
  forged = [record for record in records if record.mask][:8]
  row = benchmark.measure(forged, workers=2, rounds=1)
  assert row['images'] == 8
  assert 0 < row['decode_seconds'] and 0 < row['seconds']
  assert row['megapixels'] == pytest.approx(
      sum(np.prod(Image.open(record.image).size) for record in forged) / 1e6
  )
  assert row['images_per_s'] == 8 / row['seconds']
  assert 100 < row['peak_mib'] < 10_000  # Parent and two workers.
  assert row['decode_share'] == row['decode_seconds'] / row['seconds']
  text = benchmark.lines({'workers': 2, 'device': 'some', 'rows': [row]})
  assert '8 images' in text[1]


@pytest.mark.slow
def test_too_few_images_to_split_are_refused(tree):
  records = datasets.get('nist16').find_records(tree[0])[0]
  forged = [record for record in records if record.mask][:1]
  with pytest.raises(spec.DataError, match='would be empty'):
    benchmark.measure(forged, workers=1, rounds=1)


def test_memory_of_children_counts():
  _, few = benchmark.watch(hold, 0)
  _, many = benchmark.watch(hold, 256)
  # A child counts as its parent for a moment, until its own program starts.
  assert many - few > 64 * 2**20


def hold(mebibytes: int) -> float:
  """Has a child process hold memory."""
  code = f'import time; x = b"x" * ({mebibytes} << 20); time.sleep(0.5)'
  return subprocess.run([sys.executable, '-c', code], check=True).returncode


@pytest.mark.parametrize('name, more', [
    ('standin', ['--csv_root={root}', '--photographs={root}']),
    ('prepare', ['--root={root}']),
])
def test_commands_say_what_is_wrong(tmp_path, name, more):
  command = [sys.executable, '-m', f'manloc_jax.benchmarks.{name}']
  if name == 'standin':
    command.append(f'--out={tmp_path}/out')
  done = subprocess.run(
      [*command, *(text.format(root=tmp_path) for text in more)],
      capture_output=True,
      text=True,
      cwd=pathlib.Path(__file__).parents[1],
  )
  assert done.returncode == 2
  assert str(tmp_path) in done.stderr and done.stderr.count('\n') == 1
