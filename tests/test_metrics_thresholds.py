"""The threshold of a checkpoint, wherever an evaluation wrote it."""

import json

import pytest

from manloc_jax import errors
from manloc_jax.metrics import thresholds


def result(folder, name, **content):
  path = folder / 'results' / f'{name}.json'
  path.parent.mkdir(exist_ok=True)
  path.write_text(json.dumps(content))


def test_each_checkpoint_has_its_own(tmp_path):
  first = thresholds.Threshold(step=5, value=0.25, bins=64)
  second = thresholds.Threshold(step=9, value=0.75, bins=64)
  thresholds.write(tmp_path, first)
  thresholds.write(tmp_path, second)
  assert thresholds.read(tmp_path, 5) == first
  assert thresholds.read(tmp_path, 9) == second
  assert thresholds.read(tmp_path, 7) is None
  written = json.loads((tmp_path / thresholds.FILE).read_text())['5']
  assert written['criterion'] and written['split'] == 'val'
  assert written['protocol'] == 'patches'


def test_fewer_bins_do_not_replace_more(tmp_path):
  fine = thresholds.Threshold(step=5, value=0.25, bins=64)
  thresholds.write(tmp_path, fine)
  coarse = thresholds.Threshold(step=5, value=0.5, bins=4)
  thresholds.write(tmp_path, coarse)
  assert thresholds.read(tmp_path, 5) == fine
  finer = thresholds.Threshold(step=5, value=0.26, bins=128)
  thresholds.write(tmp_path, finer)
  assert thresholds.read(tmp_path, 5) == finer


def test_version_0_1_left_it_in_the_results_of_any_split(tmp_path):
  result(tmp_path, 'test', step=5, val_threshold=0.1)
  result(tmp_path, 'test_grid', step=7, val_threshold=0.2)
  assert thresholds.read(tmp_path, 7).value == 0.2
  assert thresholds.read(tmp_path, 5).value == 0.1
  assert thresholds.read(tmp_path, 6) is None


def test_thresholds_of_whole_images_are_of_another_scale(tmp_path):
  whole = {'protocol': 'whole image', 'step': 7, 'val_threshold': 0.9}
  result(tmp_path, 'test_images', **whole)
  assert thresholds.read(tmp_path, 7) is None
  entry = {'7': {'step': 7, 'value': 0.9, 'bins': 4, 'protocol': 'whole image'}}
  (tmp_path / thresholds.FILE).write_text(json.dumps(entry))
  assert thresholds.read(tmp_path, 7) is None


@pytest.mark.parametrize(
    'text',
    ['{"7": ', '[]', '{"7": {"protocol": "patches"}}']
    + [
        json.dumps({'7': {'protocol': 'patches', 'step': 7, 'value': x}})
        for x in (1, 'x', None)
    ],
)
def test_a_damaged_file_is_named(tmp_path, text):
  (tmp_path / thresholds.FILE).write_text(text)
  with pytest.raises(errors.UserError, match='threshold.json.*delete it'):
    thresholds.read(tmp_path, 7)
