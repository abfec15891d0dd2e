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


ENTRY = {'protocol': 'patches', 'step': 7, 'value': 0.5, 'bins': 64}


@pytest.mark.parametrize(
    'text', ['{"7": ', '[]', '3', '{"7": {"protocol": "patches"}}']
)
def test_a_damaged_file_is_named(tmp_path, text):
  (tmp_path / thresholds.FILE).write_text(text)
  with pytest.raises(errors.UserError, match='threshold.json.*delete it'):
    thresholds.read(tmp_path, 7)


@pytest.mark.parametrize(
    'field, value',
    [
        *(('value', x) for x in (True, False, 'x', None, [], 2, -0.1)),
        *(('value', float(x)) for x in ('nan', 'inf', '-inf')),
        *(('bins', x) for x in (True, False, 'x', None, 64.0, float('nan'))),
        *(('step', x) for x in (True, '7', 7.0, None)),
        *((name, 3) for name in ('split', 'criterion')),
        ('colour', 'red'),
    ],
)
def test_a_field_that_is_none_is_named(tmp_path, field, value):
  text = json.dumps({'7': {**ENTRY, field: value}})
  (tmp_path / thresholds.FILE).write_text(text)
  # The parser refuses the numbers that JSON does not have.
  words = f'threshold.json.*({field}|NaN|Infinity).*delete it'
  with pytest.raises(errors.UserError, match=words):
    thresholds.read(tmp_path, 7)


@pytest.mark.parametrize(
    'change, words',
    [
        ({'val_threshold': True}, 'value is True'),
        ({'val_threshold': float('nan')}, 'it holds NaN'),
        ({'val_threshold': 'x'}, "value is 'x'"),
        ({'config': None}, 'config is no object'),
        ({'config': [3]}, 'config is no object'),
        ({'config': 'x'}, 'config is no object'),
        ({'config': {'eval': 3}}, 'config.eval is no object'),
        ({'config': {'eval': {'bins': True}}}, 'bins is True'),
        ({'config': {'eval': {'bins': None}}}, 'bins is None'),
    ],
)
def test_a_damaged_result_is_named(tmp_path, change, words):
  result(tmp_path, 'test', **{'step': 7, 'val_threshold': 0.5, **change})
  with pytest.raises(errors.UserError, match=f'test.json.*{words}.*delete it'):
    thresholds.read(tmp_path, 7)
