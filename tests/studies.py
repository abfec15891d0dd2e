"""Results of made-up runs of the paper's systems."""

import copy
import json
import pathlib

import pytest

from configs import ablation
from manloc_jax import run_config
from manloc_jax.commands import study_files
from manloc_jax.reports import typeset
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import runs
from manloc_jax.reports.study import study
from manloc_jax.reports.study import study_file
from manloc_jax.reports.study import tables

ROOT = pathlib.Path(__file__).parents[1]
# The paper's study.
DEFINES = study_file.read(
    'configs/ablation.py', study_files.read(ROOT / 'configs/ablation.py')
)
# The config of a dataset, where it is not called as the dataset is.
KEYS = {'nist16': 'nist', 'casia1': 'casia', 'dial': 'dial-40'}

CURVE = {'fpr': [0.0, 0.0, 0.5, 1.0], 'tpr': [0.0, 0.2, 0.8, 1.0]}
COUNTS = {
    'images': 4,
    'images_of_both_classes': 4,
    'patches_pristine': 60,
    'patches_manipulated': 40,
    'pixels_pristine': 8000,
    'pixels_manipulated': 2000,
}


def make_result(
    system: str,
    seed: int,
    dataset: str,
    quality: float,
    get_config=ablation.get_config,
) -> dict:
  """The JSON of one split as an evaluation writes it, as far as needed."""
  config = get_config(f'{KEYS.get(dataset, dataset)}/{system}')
  config.seed = seed
  tasks = {'p': ('patch',), 's': ('pixel',), 'f': ('pixel',)}.get(
      system[0], ('patch', 'pixel')
  )
  scores = {
      'patch': {'patch_accuracy': quality, 'patch_auc': quality},
      'pixel': {
          'pixel_accuracy': quality,
          'pixel_auc_pooled': quality,
          'pixel_auc_image_mean': quality,
          'pixel_f1_at_half_pooled': 0.4,
      },
  }
  baselines = {
      name: {f'{task}_{k}': v for task in scores for k, v in values.items()}
      for name, values in {
          'all_pristine': {'accuracy': 0.6, 'auc': 0.5},
          'random': {'accuracy': 0.5, 'auc': 0.5},
      }.items()
  }
  return {
      'scores': {k: v for task in tasks for k, v in scores[task].items()},
      'trivial': {**baselines, 'mean_mask': {'pixel_auc': 0.55}},
      'counts': COUNTS,
      'roc': {task: CURVE for task in tasks},
      'postprocessed': {'hard': {'pixel_accuracy': quality + 0.01}}
      if 'pixel' in tasks
      else {},
      'val_threshold': 0.3,
      'data': {'training_patches': 1234},
      'step': 100,
      'prepared': 'of the images',
      'config': run_config.plain(config),
      'config_sha256': f'{system}-{seed}',
      'device': 'cpu',
      'devices': 1,
  }


def write_run(
    folder,
    system,
    seed,
    quality,
    *,
    dataset='nist16',
    change=None,
    defines=DEFINES,
    get_config=ablation.get_config,
) -> runs.Run:
  """Writes the results of a run, changed by `change`, and reads them."""
  workdir = folder / f'{dataset}-{system}-{seed}'
  result = copy.deepcopy(
      make_result(system, seed, dataset, quality, get_config)
  )
  if change:
    change(result)
  (workdir / 'results').mkdir(parents=True)
  for split in ('test', 'test_grid'):
    path = workdir / 'results' / f'{split}.json'
    path.write_text(json.dumps({'split': split, **result}))
  return runs.read(workdir, defines)


def collect(members) -> dict:
  """Gathers runs of the paper's study."""
  return study.collect(members, DEFINES)


def make_whole_images(quality: float, left_out: int = 0) -> dict:
  """What an evaluation of whole images writes, but for provenance."""
  return {
      'protocol': 'whole image',
      'scores': {
          'pixel_auc_pooled': quality,
          'pixel_auc_image_mean': quality + 0.02,
      },
      'trivial': {'random': {'pixel_auc': 0.5}},
      'counts': {
          'images': 4,
          'images_of_both_classes': 4,
          'pixels_pristine': 90_000,
          'pixels_manipulated': 10_000,
      },
      'not_applicable': {'images': left_out},
      'seconds_per_megapixel': 0.25,
      'by_manipulation': {},
      'auc_bound': {'pixel_pooled': 1e-4},
      'roc': {'pixel': CURVE},
      'val_threshold': 1e-9,
  }


def write_method(
    folder, method, quality, *, dataset='nist16', left_out=0, change=None
) -> runs.Run:
  """Writes the results of a classical method, and reads them."""
  config = ablation.get_config(f'nist/{paper.JOINT}')
  config.method, config.data.name = method, dataset
  result = {
      'split': 'test_images',
      **make_whole_images(quality, left_out),
      'detector': {'method': method},
      'versions': {'numpy': '2'},
      'prepared': 'of the images',
      'config': run_config.plain(config),
      'config_sha256': method,
  }
  if change:
    change(result)
  workdir = folder / f'{dataset}-{method}'
  (workdir / 'results').mkdir(parents=True)
  path = workdir / 'results/test_images.json'
  path.write_text(json.dumps(result))
  return runs.read(workdir, DEFINES)


def write_fusion(folder, quality, *, data='synthetic', seed=0) -> runs.Run:
  """Writes the results of a fusion trained on a set, and reads them."""

  def change(result):
    training = {'data': data, 'seed': seed, 'split_digest': 'of the images'}
    result['detector'] = {'training': training, 'weights_sha256': 'f' * 64}

  folder = folder / f'{data}-{seed}'
  return write_method(folder, 'fusion', quality, change=change)


@pytest.fixture
def members(tmp_path) -> list[runs.Run]:
  """The joint network above P-Conv-LSTM, on two datasets."""
  found = []
  for seed, joint, patch in ((0, 0.80, 0.70), (1, 0.82, 0.71), (2, 0.81, 0.7)):
    found.append(write_run(tmp_path, paper.JOINT, seed, joint))
    found.append(write_run(tmp_path, 'p-conv-lstm', seed, patch))
  found.append(write_run(tmp_path, paper.JOINT, 0, 0.7, dataset='casia1'))
  return found


def markdown(found: dict, name: str) -> str:
  """A table of a study as text."""
  (table,) = [t for t in tables.tables(found) if t.name == name]
  return typeset.markdown(table)
