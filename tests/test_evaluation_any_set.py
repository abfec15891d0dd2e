"""Any set: scores against slow references, resuming, given maps, bad files."""

import json
import pathlib

import numpy as np
from PIL import Image
import pytest
from scipy import ndimage
from sklearn import metrics as sklearn_metrics
import trees

from manloc_jax import cli
from manloc_jax import evaluation
from manloc_jax.data import images
from manloc_jax.data import pairing
from manloc_jax.data import spec
from manloc_jax.evaluation import any_set
from manloc_jax.evaluation import scoring
from manloc_jax.localization.classical import localizer

FORGED, PRISTINE = 5, 3
COLUMNS = 'image,mask,manipulation,split'


@pytest.fixture
def root(tmp_path):
  """A set of one table whose images are all for test."""
  folder = tmp_path / 'mine'
  rows = [COLUMNS]
  for i in range(FORGED):
    trees.save(folder / f'images/{i}.jpg', trees.photograph(i))
    trees.save(folder / f'masks/{i}.png', 255 * trees.region(i))
    kind = 'splice' if i else 'removal'
    rows.append(f'images/{i}.jpg,masks/{i}.png,{kind},test')
  for i in range(PRISTINE):
    trees.save(folder / f'images/p{i}.png', trees.photograph(100 + i))
    rows.append(f'images/p{i}.png,,,test')
  (folder / 'images.csv').write_text('\n'.join(rows))
  return folder


def run(root, out, method='noise', **options):
  image_set = evaluation.open_set('folder', root, name='mine')
  made = localizer.ClassicalLocalizer(method)
  return evaluation.evaluate(made, image_set, out, workers=1, **options)


def scores(result, protocol):
  return result['protocols'][protocol]['scores']


def own_maps(root, method='noise'):
  """Result and truth of each image; no truth of pristine ones."""
  made = localizer.ClassicalLocalizer(method)
  for path in sorted((root / 'images').iterdir()):
    mask = root / f'masks/{path.stem}.png'
    truth = images.read_mask(mask, pairing.white) if mask.exists() else None
    yield made.localize(path, images.read_image(path)), truth


def test_scores_are_those_of_slow_references(root, tmp_path):
  result = run(root, tmp_path / 'out')
  assert result['counts'] == {
      'images': FORGED + PRISTINE,
      'manipulated': FORGED,
      'pristine': PRISTINE,
      'left_out': 0,
      'of_one_class': 0,
      'not_applicable': 0,
      'resized_maps': 0,
  }
  made = [*own_maps(root)]
  forged = [(x, t) for x, t in made if t is not None]
  labels = np.concatenate([t.ravel() for _, t in forged])
  values = np.concatenate([x.raw.ravel() for x, _ in forged])
  flat = [(t.ravel(), x.raw.ravel()) for x, t in forged]
  area, precision = (
      sklearn_metrics.roc_auc_score,
      sklearn_metrics.average_precision_score,
  )
  whole = scores(result, 'whole image')
  wanted = {
      'pixel_auc_pooled': area(labels, values),
      'pixel_auc_image_mean': np.mean([area(*x) for x in flat]),
      'pixel_average_precision_pooled': precision(labels, values),
      'pixel_average_precision_image_mean': np.mean(
          [precision(*x) for x in flat]
      ),
  }
  assert whole == pytest.approx(wanted, abs=1e-3)
  fixed = scores(result, 'f1-fixed')
  f1s = [
      sklearn_metrics.f1_score(t.ravel(), x.mask.ravel()) for x, t in forged
  ]
  assert fixed['pixel_f1_of_mask_image_mean'] == pytest.approx(np.mean(f1s))
  assert 'pixel_f1_at_half_image_mean' not in fixed, 'noise is no probability'
  best = []
  for truth, raw in flat:
    p, r, _ = sklearn_metrics.precision_recall_curve(truth, raw)
    best.append((2 * p * r / np.maximum(p + r, 1e-12)).max())
  assert scores(result, 'f1-best')['pixel_f1_oracle_image_mean'] == (
      pytest.approx(np.mean(best), abs=1e-3)
  )
  detected = scores(result, 'detection')
  assert detected['image_auc'] == pytest.approx(area(
      [t is not None for _, t in made], [x.image_score for x, _ in made]
  ))
  assert detected['false_alarm_area_of_mask'] == pytest.approx(
      np.mean([x.mask.mean() for x, t in made if t is None])
  )
  assert {*result['by_manipulation']} == {'splice', 'removal'}
  assert result['by_manipulation']['splice']['auc'] == pytest.approx(
      np.mean([area(*x) for x in flat[1:]]), abs=1e-3
  )


def test_trivial_baselines(root, tmp_path):
  result = run(root, tmp_path / 'out')
  truths = [t for _, t in own_maps(root) if t is not None]
  fractions = np.array([truth.mean() for truth in truths])
  fixed = result['protocols']['f1-fixed']['trivial']['all manipulated']
  assert fixed['pixel_iou_of_mask_image_mean'] == pytest.approx(
      fractions.mean()
  )
  assert fixed['pixel_f1_of_mask_image_mean'] == pytest.approx(np.mean([
      sklearn_metrics.f1_score(t.ravel(), np.ones(t.size)) for t in truths
  ]))
  chance = result['protocols']['whole image']['trivial']['random or constant']
  assert chance['pixel_auc_pooled'] == 0.5
  assert chance['pixel_average_precision_pooled'] == pytest.approx(
      np.concatenate([t.ravel() for t in truths]).mean()
  )
  permuted = result['protocols']['permuted']['trivial']
  inner = [ndimage.minimum_filter(t, 15).sum() for t in truths]
  outer = [(ndimage.maximum_filter(t, 11) == 0).sum() for t in truths]
  wanted = np.mean([
      2 * a / (2 * a + b) for a, b in zip(inner, outer, strict=True)
  ])
  (row,) = permuted.values()
  assert row['pixel_f1_permuted_oracle_image_mean'] == pytest.approx(wanted)
  for name, of in result['protocols'].items():
    for key in of['scores']:
      has_one = any(key in row for row in of['trivial'].values())
      assert has_one or 'recall' in key, (name, key)


def test_intervals_hold_their_score(root, tmp_path):
  result = run(root, tmp_path / 'out')
  for of in result['protocols'].values():
    for key, value in of['scores'].items():
      low, high = of['intervals'][key]
      assert low <= value + 5e-3 and value - 5e-3 <= high


def test_what_was_stopped_goes_on(root, tmp_path, monkeypatch):
  whole = run(root, tmp_path / 'whole')
  real, calls = scoring.score, []

  def score(record, **options):
    calls.append(record.image_id)
    if len(calls) == 4:
      raise KeyboardInterrupt
    return real(record, **options)

  monkeypatch.setattr(scoring, 'score', score)
  with pytest.raises(KeyboardInterrupt):
    run(root, tmp_path / 'out')
  result = run(root, tmp_path / 'out')
  assert result['protocols'] == whole['protocols']
  assert len(calls) == FORGED + PRISTINE + 1 and calls[3] == calls[4]
  assert run(root, tmp_path / 'out') == result, 'done is done'
  assert len(calls) == FORGED + PRISTINE + 1
  folder = tmp_path / 'out/mine'
  assert {p.name for p in folder.iterdir()} == {'noise.json', 'noise.npz'}


def test_a_changed_file_is_scored_anew(root, tmp_path):
  before = run(root, tmp_path / 'out')
  trees.save(root / 'masks/0.png', 255 * trees.region(50))
  after = run(root, tmp_path / 'out')
  assert scores(before, 'whole image') != scores(after, 'whole image')
  (kept,) = (tmp_path / 'out/mine/replaced').iterdir()
  assert json.loads(kept.read_text()) == before


@pytest.mark.slow
def test_workers_change_nothing(root, tmp_path):
  image_set = evaluation.open_set('folder', root, name='mine')
  made = localizer.ClassicalLocalizer('noise')
  one, two = (
      evaluation.evaluate(made, image_set, tmp_path / str(n), workers=n)
      for n in (1, 2)
  )
  assert one['protocols'] == two['protocols']


def test_not_applicable_counts_as_a_constant_map(root, tmp_path):
  result = run(root, tmp_path / 'out', 'adjpeg')
  assert result['counts']['not_applicable'] == PRISTINE
  assert any('no JPEG' in note for note in result['notes'])
  row = next(x for x in result['images'] if x['image_id'] == 'images/p0')
  assert row['image_score'] == 0.5
  assert row['marked'] == row['marked_half'] == 0
  assert result['is_probability']


def test_bad_files_are_listed_and_the_rest_is_scored(root, tmp_path):
  (root / 'images/0.jpg').write_bytes(b'no image')
  trees.save(root / 'masks/1.png', np.zeros(trees.SIZE, np.uint8))
  trees.save(root / 'masks/2.png', 255 * trees.region(2).T)
  trees.save(root / 'masks/3.png', np.full(trees.SIZE, 255, np.uint8))
  with (root / 'images.csv').open('a') as file:
    file.write('\nimages/4.png,masks/4.png,splice,test')
    file.write('\nimages/none.png,masks/4.png,splice,test')
  trees.save(root / 'images/4.png', trees.photograph(4))
  result = run(root, tmp_path / 'out')
  told = {x['path'].rsplit('/', 1)[-1]: x['reason'] for x in result['left_out']}
  assert '0.jpg' in told['0'] and 'marks no pixel' in told['1']
  assert '128x192' in told['2'] and '4.png' in str(told)
  assert 'no file' in told['none.png']
  assert 'has the name images/4' in told['4.png']
  assert len(told) == 5
  assert result['counts']['left_out'] == 5
  assert result['counts']['of_one_class'] == 1
  assert any('marks every pixel' in note for note in result['notes'])
  of = result['protocols']
  assert of['whole image']['images']['pixel_auc_image_mean'] == 1
  assert of['f1-fixed']['images']['pixel_f1_of_mask_image_mean'] == 2


def test_a_set_of_bad_files_is_refused(root, tmp_path):
  for path in (root / 'images').iterdir():
    path.write_bytes(b'no image')
  with pytest.raises(spec.DataError, match='None of the 8 images'):
    run(root, tmp_path / 'out')


def test_broken_weights_stop_it(root, tmp_path, monkeypatch):
  def localize(self, path, image):
    raise ZeroDivisionError

  monkeypatch.setattr(localizer.ClassicalLocalizer, 'localize', localize)
  with pytest.raises(ZeroDivisionError):
    run(root, tmp_path / 'out')


def test_maps_that_are_not_finite_are_left_out(root, tmp_path, monkeypatch):
  real = localizer.ClassicalLocalizer.localize

  def localize(self, path, image):
    result = real(self, path, image)
    if path.name == '1.jpg':
      result.raw[3, 4] = np.nan
    return result

  monkeypatch.setattr(localizer.ClassicalLocalizer, 'localize', localize)
  result = run(root, tmp_path / 'out')
  (only,) = result['left_out']
  assert '1.jpg' in only['reason'] and 'not finite' in only['reason']


@pytest.mark.parametrize('method', ['noise', 'dct'])
def test_own_maps_as_given_ones_score_the_same(root, tmp_path, method):
  own = run(root, tmp_path / 'out', method)
  for path in (root / 'images').glob('*.png'):
    if method == 'dct':  # It would be a constant map, of which none is written.
      Image.open(path).save(path.with_suffix('.jpg'))
      path.unlink()
      text = (root / 'images.csv').read_text()
      path = path.with_suffix('.jpg')
      (root / 'images.csv').write_text(
          text.replace(f'{path.stem}.png,,', f'{path.name},,')
      )
  if method == 'dct':
    own = run(root, tmp_path / 'again', method)
  maps = tmp_path / 'maps'
  cli.main([
      'localize', str(root / 'images'), f'--method={method}', '--format=npz',
      f'--out={maps}',
  ])  # fmt: skip
  given = given_maps(root, maps, tmp_path / 'given')
  assert given['protocols'] == own['protocols']
  assert given['by_manipulation'] == own['by_manipulation']
  assert given['roc'] == own['roc']
  assert given['is_probability'] == own['is_probability'] == (method == 'dct')


def given_maps(root, maps, out) -> dict:
  image_set = evaluation.open_set('folder', root, name='mine')
  made = evaluation.GivenMaps(maps, image_set.records, pathlib.Path(root))
  return evaluation.evaluate(made, image_set, out, workers=1)


def test_bad_maps_are_listed_and_the_rest_is_scored(root, tmp_path):
  maps = tmp_path / 'maps'
  maps.mkdir()
  rng = np.random.default_rng(0)
  for i in range(FORGED):
    np.save(maps / f'{i}.npy', rng.random(trees.SIZE, np.float32))
  np.save(maps / '0.npy', np.full(trees.SIZE, np.nan))
  np.save(maps / '1.npy', rng.random(trees.SIZE[::-1]))
  Image.new('L', trees.SIZE[::-1]).save(maps / '2.jpg.png')
  np.save(maps / '3.npy', rng.random((64, 96)))
  for i in range(1, PRISTINE):
    np.save(maps / f'p{i}.npy', rng.random(trees.SIZE))
  np.save(maps / 'of no image.npy', rng.random(trees.SIZE))
  result = given_maps(root, maps, tmp_path / 'out')
  told = {x['path'].rsplit('/', 1)[-1]: x['reason'] for x in result['left_out']}
  assert 'not finite' in told['0'] and 'other proportions' in told['1']
  assert '2 maps' in told['2'] and 'There is no map' in told['p0']
  assert result['counts']['left_out'] == len(told) == 4
  assert result['counts']['images'] == FORGED + PRISTINE - 4
  assert result['counts']['resized_maps'] == 1
  assert '96x64 pixels and was resized' in result['notes'][0]


def test_memory_is_of_one_image(root, tmp_path, monkeypatch):
  """The counts of pixels are read one by one, and are not kept."""
  alive, most = [0], [0]
  real = scoring.load

  class Counted(scoring.Scored):
    def __init__(self, *args):
      super().__init__(*args)
      alive[0] += 1
      most[0] = max(*most, *alive)

    def __del__(self):
      alive[0] -= 1

  def load(path):
    scored = real(path)
    return scored and Counted(*vars(scored).values())

  monkeypatch.setattr(scoring, 'load', load)
  run(root, tmp_path / 'out')
  assert 1 <= most[0] <= 3


def test_copies_whose_source_is_known(root, tmp_path):
  lines = (root / 'images.csv').read_text().splitlines()
  rows = [f'{COLUMNS},source_mask', *(f'{line},' for line in lines[1:])]
  rows[1] += 'masks/source.png'
  source = np.zeros(trees.SIZE, np.uint8)
  source[:20, :20] = 255
  trees.save(root / 'masks/source.png', source)
  (root / 'images.csv').write_text('\n'.join(rows))
  of = run(root, tmp_path / 'out')['protocols']['copy-move']
  assert set(of['images'].values()) == {1}
  assert 0 < of['scores']['pixel_auc_source_image_mean'] < 1


def test_every_protocol_is_documented():
  text = (pathlib.Path(__file__).parents[1] / 'docs/protocols.md').read_text()
  for name, make in any_set.protocols.PROTOCOLS.items():
    assert f'`{name}`' in text
    for word in ('Definition:', 'Source:', 'Pitfalls:'):
      assert word in make.__doc__
