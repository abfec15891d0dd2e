"""The weights of the package localize forgeries outside of their training."""

import json
import pathlib

import numpy as np
import pytest
from sklearn import metrics

import manloc_jax
from manloc_jax import cli
from manloc_jax import pretrained
from manloc_jax.data import forge
from manloc_jax.data import images
from manloc_jax.localization import factory

CARD = pathlib.Path(pretrained.__file__).with_name('MODEL_CARD.md')


@pytest.fixture(scope='module')
def forgeries(tmp_path_factory):
  """Files of splices of packaged photographs, which are not in training."""
  folder = tmp_path_factory.mktemp('forged')
  photographs = forge.packaged()
  found = []
  for index in range(60):
    made = forge.generate(photographs, seed=2026, index=index, size=(256, 320))
    if made.manipulation == 'splice' and 0.008 < made.mask.mean() < 0.3:
      path = folder / f'{index}{made.suffix}'
      path.write_bytes(made.file)
      found.append((path, made.mask))
  return found[:8]


def test_they_localize_splices_outside_of_their_training(forgeries):
  localizer = factory.make(device='cpu')
  areas = []
  for path, mask in forgeries:
    found = localizer.localize(path, images.read_image(path))
    areas.append(metrics.roc_auc_score(mask.ravel(), found.score.ravel()))
  assert len(areas) == 8
  assert np.mean(areas) > 0.7, areas


def test_the_command_needs_no_run(forgeries, tmp_path, capsys):
  path, mask = forgeries[0]
  out = tmp_path / 'out'
  assert cli.main(['localize', str(path), f'--out={out}']) == 0
  record = json.loads(capsys.readouterr().out)
  assert record['method'] == 'fusion'
  assert record['training']['data'] == 'synthetic'
  assert len(record['weights_sha256']) == 64
  heat = images.read_image(out / record['files']['overlay'])
  assert heat.pixels.shape[:2] == mask.shape


def test_the_python_door_opens_the_same(forgeries):
  path, _ = forgeries[0]
  localizer = manloc_jax.load_localizer(device='cpu')
  assert localizer.provenance == factory.make(device='cpu').provenance
  found = localizer(images.read_image(path).pixels)
  assert 0 <= found.image_score <= 1


def test_the_weights_are_small_and_name_no_folder():
  content = pretrained.FUSION.read_bytes()
  assert len(content) < 8_000_000
  header = content[8 : 8 + int.from_bytes(content[:8], 'little')].decode()
  facts = json.loads(json.loads(header)['__metadata__']['manloc'])
  assert facts['origin']['config']['data']['name'] == 'synthetic'
  assert '/' not in json.dumps(facts['origin'])


def test_the_card_names_what_the_weights_score():
  row = '| Fusion, trained on forged photographs (seeds 0, 1, 2) |'
  assert row in CARD.read_text()
