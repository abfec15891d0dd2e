"""Whatever a file of a stranger holds, a command ends with one sentence.

Good files are changed at random, with fixed seeds. `MANLOC_FUZZ` multiplies
how often.
"""

import argparse
import functools
import json
import os
import pathlib
import shutil

import fuzz
import numpy as np
import pytest
import small
import test_evaluation_comparison
import test_localization_fusion

from manloc_jax import run_config
from manloc_jax.commands import compare
from manloc_jax.commands import report
from manloc_jax.data.datasets import folder as folder_dataset
from manloc_jax.data.splits import split_list
from manloc_jax.data.storage import prepared_set
from manloc_jax.evaluation import image_sets
from manloc_jax.evaluation import map_files
from manloc_jax.localization import factory
from manloc_jax.localization.fusion import weights as fusion_weights
from manloc_jax.metrics import thresholds
from manloc_jax.training import metric_writer
from manloc_jax.training import network_weights

TIMES = int(os.environ.get('MANLOC_FUZZ', '1'))
OLD = pathlib.Path(__file__).parent / 'fixtures/version_0_1'


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  return pathlib.Path(small.untrained_run(tmp_path_factory.mktemp('r') / 'run'))


def test_a_config(run, tmp_path, capfd):
  copy = shutil.copytree(run, tmp_path / 'run')
  path = copy / run_config.CONFIG
  good = path.read_text()
  refused = 0
  for what, text in fuzz.changed_json(json.loads(good), 30 * TIMES, 1):
    path.write_text(text)
    refused += fuzz.check(
        lambda: factory.make('network', str(copy)), capfd, what, tmp_path
    )
  for what, content in fuzz.changed_bytes(good.encode(), 15 * TIMES, 2):
    path.write_bytes(content)
    refused += fuzz.check(
        lambda: factory.make(None, str(copy)), capfd, what, tmp_path
    )
  assert refused > 15


@pytest.mark.slow
def test_a_checkpoint(run, tmp_path, capfd):
  state = f'checkpoints/{small.STEP}'
  names = sorted(
      path.relative_to(run)
      for path in (run / state).rglob('*')
      if path.is_file()
  )
  refused = 0
  for i, name in enumerate(names):
    good = (run / name).read_bytes()
    for what, content in fuzz.changed_bytes(good, 2 * TIMES, i):
      copy = shutil.copytree(run, tmp_path / 'run')
      (copy / name).write_bytes(content)
      load = functools.partial(network_weights.of_run, str(copy))
      refused += fuzz.check(load, capfd, f'{name} {what}', tmp_path)
      shutil.rmtree(copy)
  assert refused > len(names) / 4


@pytest.mark.parametrize('kind', ['fusion', 'network'])
def test_weights(kind, run, tmp_path, capfd):
  path = tmp_path / 'good.safetensors'
  if kind == 'fusion':
    fusion_weights.save(path, test_localization_fusion.random_weights())
    load = fusion_weights.load
  else:
    network_weights.save(path, network_weights.of_run(str(run)))
    load = network_weights.load
  good = path.read_bytes()
  size = int.from_bytes(good[:8], 'little')
  header = json.loads(good[8 : 8 + size])
  facts = json.loads(header['__metadata__']['manloc'])
  bad = tmp_path / 'bad.safetensors'
  refused = 0

  def attempt(what: str, text: str) -> bool:
    encoded = text.encode()
    length = len(encoded).to_bytes(8, 'little')
    bad.write_bytes(length + encoded + good[8 + size :])
    return fuzz.check(lambda: load(bad), capfd, what, tmp_path)

  for what, text in fuzz.changed_json(header, 40 * TIMES, 3):
    refused += attempt(what, text)
  for what, text in fuzz.changed_json(facts, 40 * TIMES, 4):
    changed = {**header, '__metadata__': {'manloc': text}}
    refused += attempt(what, json.dumps(changed))
  for what, content in fuzz.changed_bytes(good, 40 * TIMES, 5):
    bad.write_bytes(content)
    refused += fuzz.check(lambda: load(bad), capfd, what, tmp_path)
  assert refused > 40


def test_a_prepared_set(tmp_path, capfd):
  good = OLD / 'prepared/folder-random-c0bb84410382'
  copy = shutil.copytree(good, tmp_path / 'set')
  content = json.loads((good / 'manifest.json').read_text())
  content['format_version'] = 3

  def use():
    prepared = prepared_set.PreparedSet.open(copy)
    for split in prepared.manifest['splits']:
      prepared.facts('test')
      prepared.records(split, '/nowhere')
      prepared.shard_paths(split)
      prepared.manipulations(split)
    assert prepared.job and prepared.root and prepared.digest

  refused = 0
  for what, text in fuzz.changed_json(content, 100 * TIMES, 6):
    (copy / 'manifest.json').write_text(text)
    refused += fuzz.check(use, capfd, what, tmp_path)
  for what, data in fuzz.changed_bytes(b'{"splits": {}}', 20 * TIMES, 7):
    (copy / 'manifest.json').write_bytes(data)
    refused += fuzz.check(use, capfd, what, tmp_path)
  assert refused > 30


def test_thresholds_results_and_metrics(tmp_path, capfd):
  entry = {
      'step': 7, 'value': 0.5, 'bins': 64, 'split': 'val', 'criterion': 'F1',
      'protocol': 'patches',
  }  # fmt: skip
  for what, text in fuzz.changed_json({'7': entry}, 60 * TIMES, 8):
    (tmp_path / thresholds.FILE).write_text(text)
    fuzz.check(lambda: thresholds.read(tmp_path, 7), capfd, what, tmp_path)
  (tmp_path / thresholds.FILE).unlink()
  result = {'step': 7, 'val_threshold': 0.5, 'config': {'eval': {'bins': 9}}}
  (tmp_path / 'results').mkdir()
  for what, text in fuzz.changed_json(result, 40 * TIMES, 9):
    (tmp_path / 'results/test.json').write_text(text)
    fuzz.check(lambda: thresholds.read(tmp_path, 7), capfd, what, tmp_path)
  line = b'{"step": 3, "loss": 0.5, "note": null}\n'
  for what, content in fuzz.changed_bytes(3 * line, 40 * TIMES, 10):
    (tmp_path / 'metrics.jsonl').write_bytes(content)
    fuzz.check(
        lambda: metric_writer.read(str(tmp_path)), capfd, what, tmp_path
    )


def test_lists_of_a_split(tmp_path, capfd):
  listed = {'train': ['a', 'b'], 'val': ['c'], 'test': ['d']}
  content = {'dataset': 'folder', 'parts': listed, 'seed': 0}
  path = tmp_path / 'split.json'
  for what, text in fuzz.changed_json(content, 60 * TIMES, 11):
    path.write_text(text)
    fuzz.check(
        lambda: split_list.read(path, 'folder'), capfd, what, tmp_path
    )
    fuzz.check(lambda: image_sets._read_list(path), capfd, what, tmp_path)


def test_a_table_of_images(tmp_path, capfd):
  good = b'image,mask,group,split\na.png,b.png,g,train\nc.png,,h,test\n'
  for what, content in fuzz.changed_bytes(good, 80 * TIMES, 12):
    (tmp_path / 'images.csv').write_bytes(content)
    fuzz.check(
        lambda: folder_dataset.find_records(tmp_path), capfd, what, tmp_path
    )


@pytest.mark.parametrize('name', ['a.npy', 'a.npz', 'a.mat', 'a.png'])
def test_maps(name, tmp_path, capfd):
  from PIL import Image
  from scipy import io

  raw = np.random.default_rng(0).random((24, 36), np.float32)
  path = tmp_path / name
  save = {
      'a.npy': lambda: np.save(path, raw),
      'a.npz': lambda: np.savez_compressed(path, map=raw, mask=raw > 0.5),
      'a.mat': lambda: io.savemat(path, {'map': raw}, do_compression=True),
      'a.png': lambda: Image.fromarray(np.uint8(255 * raw)).save(path),
  }
  save[name]()
  good = path.read_bytes()
  for what, content in fuzz.changed_bytes(good, 150 * TIMES, 13):
    path.write_bytes(content)
    fuzz.check(lambda: map_files.read(path, (24, 36)), capfd, what, tmp_path)


def test_results_that_are_compared(tmp_path, capfd):
  good = test_evaluation_comparison.result(1)
  paths = [tmp_path / f'{name}.json' for name in 'ab']
  for path in paths:
    path.write_text(json.dumps(good))
  args = argparse.Namespace(a=str(paths[0]), b=str(paths[1]), json=None)
  assert not fuzz.check(lambda: compare.run(args), capfd, 'good', tmp_path)
  refused = 0
  for what, text in fuzz.changed_json(good, 60 * TIMES, 14):
    paths[1].write_text(text)
    refused += fuzz.check(lambda: compare.run(args), capfd, what, tmp_path)
  assert refused > 10


@pytest.mark.slow
def test_results_that_are_reported(tmp_path, capfd):
  copy = shutil.copytree(OLD / 'run', tmp_path / 'run')
  args = argparse.Namespace(
      workdirs=[str(copy)],
      **dict.fromkeys(
          ('out', 'study', 'dial', 'leakage', 'ladder', 'docs', 'summary')
      ),
      compare=None,
  )
  assert not fuzz.check(lambda: report.run(args), capfd, 'good', tmp_path)
  names = sorted((copy / 'results').glob('*.json'))
  refused = 0
  for i, path in enumerate(names):
    good = path.read_text()
    for what, text in fuzz.changed_json(json.loads(good), 6 * TIMES, i):
      path.write_text(text)
      refused += fuzz.check(
          lambda: report.run(args), capfd, f'{path.name}: {what}', tmp_path
      )
    path.write_text(good)
  assert refused
