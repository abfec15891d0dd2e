"""Whole images: scores against sklearn, resuming, what is not applicable."""

import json
import pathlib
import threading

import numpy as np
from PIL import Image
import pytest
from sklearn import metrics as sklearn_metrics
import small
import trees

from manloc_jax import errors
from manloc_jax.data import images
from manloc_jax.data.sampling import extract
from manloc_jax.data.storage.prepared_set import PreparedSet
from manloc_jax.evaluation import image_scores
from manloc_jax.evaluation import images as image_evaluation
from manloc_jax.evaluation import patches as patch_evaluation
from manloc_jax.localization import network
from manloc_jax.localization.classical import localizer
from manloc_jax.reports import report


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
  return trees.casia1(tmp_path_factory.mktemp('casia'))


@pytest.fixture(scope='module')
def prepared(tree, tmp_path_factory):
  folder = trees.prepared(tree, tmp_path_factory.mktemp('prepared'))
  return PreparedSet.open(folder)


@pytest.fixture
def config(tree):
  return small.config(**{'data.root': str(tree), 'method': 'ela'})


def run(config, prepared, workdir, method='ela', **options) -> dict:
  config.method = method
  method = localizer.ClassicalLocalizer(method)
  (path,) = image_evaluation.evaluate(
      config, prepared, str(workdir), method, **{'workers': 1, **options}
  )
  assert path == pathlib.Path(workdir, 'results/test_images.json')
  return json.loads(path.read_text())


def maps(prepared, tree, method, part='test'):
  """Raw values and truth of each image."""
  job = prepared.job
  for record in prepared.records(part, tree):
    pixels, mask, note = extract.load(record, job)
    image = images.Decoded(pixels, note)
    yield method.raw_map(record.image, image), mask


def joined(pairs):
  """All pixels of all images: raw values and truth."""
  raw = np.concatenate([raw.ravel() for raw, _ in pairs])
  return raw, np.concatenate([mask.ravel() for _, mask in pairs])


def test_scores_are_those_of_sklearn(config, prepared, tree, tmp_path):
  result = run(config, prepared, tmp_path)
  assert result['protocol'] == 'whole image' and result['method'] == 'ela'
  pairs = [*maps(prepared, tree, localizer.ClassicalLocalizer('ela'))]
  raw, truth = joined(pairs)
  scores = result['scores']
  # ELA has few values: no two share a bin.
  assert scores['pixel_auc_pooled'] == pytest.approx(
      sklearn_metrics.roc_auc_score(truth, raw)
  )
  each = [
      sklearn_metrics.roc_auc_score(t.ravel(), r.ravel()) for r, t in pairs
  ]
  assert scores['pixel_auc_image_mean'] == pytest.approx(np.mean(each))
  assert scores['pixel_average_precision_pooled'] == pytest.approx(
      sklearn_metrics.average_precision_score(truth, raw), abs=2e-3
  )
  at = result['val_threshold']
  assert scores['pixel_f1_at_val_threshold_pooled'] == pytest.approx(
      sklearn_metrics.f1_score(truth, raw >= at)
  )
  assert scores['pixel_f1_oracle_pooled'] >= (
      scores['pixel_f1_at_val_threshold_pooled']
  )
  assert 'pixel_accuracy' not in scores, 'ELA has no 0.5'
  assert result['counts'] == {
      'images': len(pairs),
      'images_of_both_classes': len(pairs),
      'pixels_pristine': int((truth == 0).sum()),
      'pixels_manipulated': int(truth.sum()),
  }
  assert result['trivial']['random']['pixel_auc'] == 0.5
  assert result['by_manipulation']['splice']['images'] == len(pairs)
  assert result['seconds_per_megapixel'] > 0
  assert result['not_applicable']['images'] == 0


def test_the_threshold_is_that_of_validation(config, prepared, tree, tmp_path):
  result = run(config, prepared, tmp_path, 'noise')
  pairs = [*maps(prepared, tree, localizer.ClassicalLocalizer('noise'), 'val')]
  raw, truth = joined(pairs)
  best = max(
      sklearn_metrics.f1_score(truth, raw >= at) for at in np.unique(raw)
  )
  at = sklearn_metrics.f1_score(truth, raw >= result['val_threshold'])
  assert at == pytest.approx(best, abs=2e-3)


def test_results_of_other_settings_are_kept(config, prepared, tmp_path):
  run(config, prepared, tmp_path)
  path = tmp_path / 'results/test_images.json'
  before = path.read_text()
  config.eval.bins *= 2
  run(config, prepared, tmp_path)
  (kept,) = (path.parent / 'replaced').iterdir()
  assert path.read_text() != before and kept.read_text() == before


@pytest.mark.slow
def test_workers_change_nothing(config, prepared, tmp_path):
  one = run(config, prepared, tmp_path / 'one')
  two = run(config, prepared, tmp_path / 'two', workers=2)
  assert one['scores'] == two['scores'] and one['roc'] == two['roc']


def test_what_was_stopped_goes_on(config, prepared, tmp_path, monkeypatch):
  whole = run(config, prepared, tmp_path / 'whole')
  real, calls = image_scores.score, []

  def score(record, **options):
    calls.append(record.image_id)
    if len(calls) == 5:
      raise KeyboardInterrupt
    return real(record, **options)

  monkeypatch.setattr(image_scores, 'score', score)
  with pytest.raises(KeyboardInterrupt):
    run(config, prepared, tmp_path / 'stopped')
  assert not (tmp_path / 'stopped/results/test_images.json').exists()
  abandoned = tmp_path / 'stopped/results/images-0123456789ab'
  abandoned.mkdir()  # Of another config.
  (abandoned / 'val-0.npz').write_bytes(b'')
  result = run(config, prepared, tmp_path / 'stopped')
  assert result['scores'] == whole['scores']
  assert calls[4] == calls[5] and len(set(calls)) == len(calls) - 1
  # Done is done, and leaves nothing else behind.
  again = run(config, prepared, tmp_path / 'stopped')
  assert again == result and len(set(calls)) == len(calls) - 1
  assert {p.name for p in (tmp_path / 'stopped/results').iterdir()} == {
      'test_images.json',
      abandoned.name,  # What another config began can still go on.
  }


def test_not_applicable_counts_as_a_constant_map(
    config, prepared, tree, tmp_path
):
  record, *_ = prepared.records('test', tree)
  old = record.image.read_bytes()
  with Image.open(record.image) as image:
    image.load()
  image.save(record.image, 'PNG')  # Whatever its name says.
  try:
    result = run(config, prepared, tmp_path, 'adjpeg')
  finally:
    record.image.write_bytes(old)
  told = result['not_applicable']
  assert told['images'] == 1 and told['scored_as'] == 'constant map'
  assert 'no JPEG' in told['reasons'][0]
  pairs = [*maps(prepared, tree, localizer.ClassicalLocalizer('adjpeg'))]
  assert result['counts']['images'] == len(pairs)
  each = [image_scores.exact_auc(raw, mask) for raw, mask in pairs]
  wanted = np.mean([0.5, *each[1:]])
  assert result['scores']['pixel_auc_image_mean'] == pytest.approx(wanted)
  assert 'pixel_accuracy' in result['scores'], 'a probability has 0.5'


@pytest.mark.slow
def test_a_network_under_the_same_protocol(prepared, tree, tmp_path):
  workdir = small.untrained_run(
      tmp_path / 'run', scale=2.0, **{'data.root': str(tree)}
  )
  config = small.config(**{'data.root': str(tree)})
  config.eval.splits = ('test_images',)
  method = network.NetworkLocalizer.from_run(workdir, threshold=0.5)
  (path,) = image_evaluation.evaluate(config, prepared, workdir, method)
  result = json.loads(path.read_text())
  pairs = [*maps(prepared, tree, method)]
  each = [image_scores.exact_auc(raw, mask) for raw, mask in pairs]
  assert result['scores']['pixel_auc_image_mean'] == pytest.approx(
      np.mean(each), abs=1e-6
  )
  accuracy = np.mean([(raw >= 0.5) == mask for raw, mask in pairs])
  assert result['scores']['pixel_accuracy'] == pytest.approx(accuracy)
  assert result['step'] == small.STEP
  assert result['detector']['stride'] == network.STRIDE
  assert 'method' not in result['config'], 'as runs of older versions'
  # The evaluation of patches leaves it alone.
  assert patch_evaluation.evaluate(config, prepared, workdir, mesh=None) == []
  assert path.exists()


def test_a_diverged_network_costs_no_results(prepared, tree, tmp_path):
  changes = {'data.root': str(tree), 'eval.splits': ('test_images',)}
  config = small.config(**changes)
  workdir = small.untrained_run(
      tmp_path, scale=float('nan'), **{'data.root': str(tree)}
  )
  path = tmp_path / 'results/test_images.json'
  path.parent.mkdir()
  path.write_text('{"scores": "of another checkpoint"}')
  method = network.NetworkLocalizer.from_run(workdir, threshold=0.5)
  with pytest.raises(errors.UserError, match='network are not finite: its w'):
    image_evaluation.evaluate(config, prepared, workdir, method)
  assert path.read_text() == '{"scores": "of another checkpoint"}'


def test_broken_maps_are_refused(config, prepared, tmp_path, monkeypatch):
  nothing = lambda self, path, image: np.full(image.pixels.shape[:2], np.nan)
  monkeypatch.setattr(localizer.ClassicalLocalizer, 'raw_map', nothing)
  with pytest.raises(errors.UserError, match='values that are not finite'):
    run(config, prepared, tmp_path)


def test_a_report_shows_them(config, prepared, tmp_path):
  run(config, prepared, tmp_path)
  text = report.report(tmp_path).read_text()
  assert 'Split `test_images`, protocol `whole image`: 3 images of the' in text
  assert '| Score | `ela` |' in text
  assert '| Pixel AUC, pooled |' in text and '| splice |' in text
  assert 'seconds per megapixel' in text


def test_scores_of_another_process_are_waited_for(tmp_path, monkeypatch):
  path = tmp_path / 'test-0.npz'
  counts = np.ones((2, 1), np.int64)
  scored = image_scores.Scored(np.zeros(1, np.int32), counts, 0.5, 1.0, 2, '')
  late = threading.Timer(0.3, image_scores.save, [path, scored])
  late.start()
  assert image_evaluation._load(path).auc == 0.5
  late.join()
  monkeypatch.setattr(image_evaluation, '_VISIBLE_SECONDS', 0.0)
  with pytest.raises(errors.UserError, match='file system that all processes'):
    image_evaluation._load(tmp_path / 'test-1.npz')
