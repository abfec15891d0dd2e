"""`manloc robustness`: degraded files by hand, resuming, figure, bad input."""

import json
import re
import shutil

import numpy as np
from PIL import Image
import pytest
import trees

from manloc_jax import cli
from manloc_jax import evaluation
from manloc_jax.data import degrade
from manloc_jax.data import images
from manloc_jax.data.sampling import patches
from manloc_jax.evaluation import degraded_files
from manloc_jax.evaluation import degraded_images
from manloc_jax.localization import factory
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.reports import degraded_report

FORGED = 3


class Killed(Exception):
  """Stands for the signal that ends a process."""


class OnDevices:
  """A method that must not leave this process: it scores what is bright."""

  provenance = {'method': 'bright'}
  packages: dict[str, str] = {}
  device = 'cpu'
  is_probability = True
  constant_score = 0.5
  runs_in_workers = False

  def __reduce__(self):
    raise AssertionError('It was sent to a worker.')

  def raw_map(self, path, image):
    assert (images.read_image(path).pixels == image.pixels).all()
    return image.pixels.mean(axis=2, dtype=np.float32) / 255

  def localize(self, path, image):
    raw = self.raw_map(path, image)
    return localizer_lib.summarize(raw, raw, 0.5)


@pytest.fixture
def root(tmp_path):
  """Three forgeries in JPEG files, one of them grey, and a pristine image."""
  folder = tmp_path / 'mine'
  for i in range(FORGED):
    forged = trees.photograph(i)
    forged[trees.region(i) == 1] //= 2
    path = folder / f'images/{i}.jpg'
    trees.save(path, forged[..., 0] if i == 2 else forged)
    trees.save(folder / f'masks/{i}.png', 255 * trees.region(i))
  rows = [f'images/{i}.jpg,masks/{i}.png,splice' for i in range(FORGED)]
  trees.save(folder / 'images/p.jpg', trees.photograph(9))
  rows = ['image,mask,manipulation', *rows, 'images/p.jpg,,']
  (folder / 'images.csv').write_text('\n'.join(rows))
  return folder


@pytest.fixture
def command(root, tmp_path, capsys):
  """Runs the command on the set; returns exit code, output and errors."""

  def run(*options, out='out'):
    code = cli.main([
        'robustness',
        f'--data=mine={root}',
        f'--out={tmp_path / out}',
        '--workers=1',
        *options,
    ])
    printed = capsys.readouterr()
    return code, printed.out, printed.err

  return run


def methods(*names):
  return [degraded_images.Method(x, factory.make(x)) for x in names]


def sweep(root, out, chosen, **options):
  image_set = evaluation.open_set('folder', root, name='mine')
  options = {'workers': 1, **options}
  return degraded_images.evaluate(chosen, image_set, out, **options)


def level(result, series, strength):
  (found,) = (
      x
      for x in result['levels']
      if (x['series'], x['level']) == (series, strength)
  )
  return found


@pytest.mark.parametrize(
    ('series', 'strength'),
    [
        (None, None),
        ('jpeg', 50),
        ('blur', 0.7),
        ('noise', 5),
        ('resize', 0.6),
        ('web', '1080px q70'),
    ],
)
def test_a_level_scores_as_its_files_do_by_hand(
    series, strength, root, tmp_path
):
  chosen = ('noise', 'dct')
  results = sweep(root, tmp_path / 'out', methods(*chosen), series=[series])
  by_hand = tmp_path / 'mine_by_hand'
  shutil.copytree(root, by_hand)
  (by_hand / 'images.csv').unlink()
  (by_hand / 'images/p.jpg').unlink()
  for i in range(FORGED if series else 0):
    path = by_hand / f'images/{i}.jpg'
    made = degrade.SERIES[series].apply(
        images.read_image(path).pixels,
        trees.region(i),
        strength,
        # The name of the image in the set.
        patches.rng_for(degraded_files.SEED, results[0]['images'][i]),
    )
    path.unlink()
    trees.save(by_hand / f'masks/{i}.png', 255 * made.mask)
    if made.jpeg is None:
      trees.save(path.with_suffix('.png'), made.pixels)
    else:
      path.write_bytes(made.jpeg)
  code = cli.main([
      'evaluate',
      f'--data=mine={by_hand}',
      f'--method={",".join(chosen)}',
      f'--out={tmp_path / "hand"}',
      '--workers=1',
  ])
  assert code == 0
  for result in results:
    path = tmp_path / f'hand/mine/{result["method"]}.json'
    hand = json.loads(path.read_text())
    ours = level(result, series, strength)
    for name, protocol in (
        ('pixel_auc_image_mean', 'whole image'),
        ('pixel_f1_of_mask_image_mean', 'f1-fixed'),
    ):
      theirs = hand['protocols'][protocol]
      assert ours['scores'][name] == theirs['scores'][name]
      assert ours['intervals'][name] == theirs['intervals'][name]
      assert ours['images'][name] == theirs['images'][name]
    assert ours['counts']['not_applicable'] == hand['counts']['not_applicable']
    assert ours['of_each']['auc'] == [x['auc'] for x in hand['images']]


@pytest.mark.slow
def test_workers_change_nothing(root, tmp_path):
  chosen = [
      *methods('ela', 'adjpeg'),
      degraded_images.Method('bright', OnDevices()),
  ]
  series = ['noise', 'web']
  one = sweep(root, tmp_path / 'one', chosen, series=series)
  two = sweep(root, tmp_path / 'two', chosen, series=series, workers=2)
  assert one == two
  assert {x['method'] for x in one} == {'ela', 'adjpeg', 'bright'}
  bright = one[2]
  values = [level(bright, 'noise', x)['scores'] for x in (1, 10)]
  # What was forged is darker, and noise hides it.
  assert values[0]['pixel_auc_image_mean'] < values[1]['pixel_auc_image_mean']


def test_a_killed_sweep_goes_on(root, tmp_path, monkeypatch):
  series = ['jpeg']
  (unbroken,) = sweep(root, tmp_path / 'a', methods('ela'), series=series)
  done = []
  begin = degraded_files.begin

  def begin_then_die(item, **options):
    if len(done) == 10:
      raise Killed
    done.append((item.index, item.step))
    return begin(item, **options)

  monkeypatch.setattr(degraded_files, 'begin', begin_then_die)
  with pytest.raises(Killed):
    sweep(root, tmp_path / 'b', methods('ela'), series=series)
  first = [*done]
  assert not (tmp_path / 'b/mine/ela.json').exists()
  done.clear()

  def begin_and_note(item, **options):
    done.append((item.index, item.step))
    return begin(item, **options)

  monkeypatch.setattr(degraded_files, 'begin', begin_and_note)
  (resumed,) = sweep(root, tmp_path / 'b', methods('ela'), series=series)
  assert resumed == unbroken
  assert not {*first} & {*done} and len(first) + len(done) == 7 * FORGED
  texts = [(tmp_path / f'{x}/mine/ela.json').read_text() for x in 'ab']
  assert texts[0] == texts[1]
  assert [x.name for x in (tmp_path / 'b/mine').iterdir()] == ['ela.json']


@pytest.mark.slow
def test_other_series_and_methods_are_added(root, tmp_path, monkeypatch):
  out = tmp_path / 'out'
  sweep(root, out, methods('ela'), series=['jpeg'])
  began = []
  begin = degraded_files.begin
  monkeypatch.setattr(
      degraded_files,
      'begin',
      lambda item, **x: began.append(item) or begin(item, **x),
  )
  ela, noise = sweep(root, out, methods('ela', 'noise'), series=['web'])
  assert [x['series'] for x in ela['levels']] == [
      None, *['jpeg'] * 6, *['web'] * 4
  ]  # fmt: skip
  assert {x['series'] for x in noise['levels']} == {None, 'web'}
  assert [x.names for x in began if x.step == (None, None)] == (
      [('noise',)] * FORGED
  )
  began.clear()
  sweep(root, out, methods('ela', 'noise'), series=['web', 'jpeg'])
  assert {x.names for x in began} == {('noise',)}
  # Another image: all scores are of other files.
  trees.save(root / 'images/0.jpg', trees.photograph(77))
  sweep(root, out, methods('ela'), series=['jpeg'])
  (kept,) = (out / 'mine/replaced').iterdir()
  assert len(json.loads(kept.read_text())['levels']) == 11


def test_tables_and_figure_hold_all_methods(command, tmp_path):
  code, out, err = command('--method=ela,dct', '--series=blur,web')
  assert code == 0 and not err
  text = (tmp_path / 'out/robustness.md').read_text()
  header = '| Degradation | Level | ela | dct |'
  assert text.count(header) == 2, 'AUC and F1'
  row = '| Gaussian blur, standard deviation in pixels | 0.3 |'
  assert text.count(row) == 2 and '0.500 [0.500, 0.500] (3 n/a)' in text
  assert '![Robustness on mine](mine/robustness.png)' in text
  assert re.search(r'^Web site, .* 1080px q70 +0\.\d{3} \[', out, re.M)
  with Image.open(tmp_path / 'out/mine/robustness.png') as picture:
    assert min(picture.size) > 400
  assert (tmp_path / 'out/mine/robustness.pdf').is_file()
  results = [
      json.loads((tmp_path / f'out/mine/{x}.json').read_text())
      for x in ('ela', 'dct')
  ]
  assert results[0]['counts'] == {
      'manipulated': FORGED,
      'pristine_not_scored': 1,
      'left_out': 0,
  }
  figure = degraded_report.figure(results, ['blur', 'web'])
  (legend,) = figure.legends
  texts = [x.get_text() for x in legend.get_texts()]
  assert texts == ['ela', 'dct', 'random']
  assert 'Hollow' in legend.get_title().get_text()
  blur = figure.axes[0]
  assert [x.get_text() for x in blur.get_xticklabels()][:2] == ['none', '0.3']
  drawn = blur.lines[0].get_ydata()
  assert drawn[0] == results[0]['levels'][0]['scores']['pixel_auc_image_mean']
  assert len(blur.collections) == 2, 'a band for each method'


def test_what_cannot_be_scored_is_named_once(command, root, tmp_path):
  (root / 'images/1.jpg').write_bytes(b'no image')
  tiny = np.zeros(trees.SIZE, np.uint8)
  tiny[77, 31] = 255  # Lost where every second pixel is left.
  trees.save(root / 'masks/2.png', tiny)
  code, _, err = command('--method=noise', '--series=resize')
  assert code == 1
  assert err.count('1.jpg') == 1
  lost = re.findall(r'Nothing is left of the mask .*2\.png at resize 0', err)
  result = json.loads((tmp_path / 'out/mine/noise.json').read_text())
  first, levels = result['levels'][0], result['levels']
  assert lost and first['counts']['images'] == 2
  assert sum(x['counts']['left_out'] == 2 for x in levels) == len(lost)
  assert result['counts']['left_out'] == 1 + len(lost) == len(err.splitlines())
  assert first['of_each']['auc'][1] is None
  assert str(tmp_path / 'mine') in err and '/manloc-' not in err


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--series=jpg'], "no series 'jpg'; choose --series of jpeg, blur"),
        (['--method=elaa'], "no method 'elaa'; choose --method of fusion"),
        (['--method=maps'], "no method 'maps'"),
        (['--data=none=nowhere'], 'nowhere'),
    ],
)
def test_bad_input_is_named(options, words, command):
  if '--data' in options[0]:
    options = [*options, '--method=noise', '--series=web']
    code, _, err = command(*options)
    assert code == 1  # The other set is scored.
  else:
    code, _, err = command(*options)
    assert code == 2
  assert words in err and err.count('\n') == 1


def test_sets_without_masks_are_refused(command, root):
  table = root / 'images.csv'
  table.write_text('image,mask,manipulation\nimages/p.jpg,,')
  code, _, err = command('--method=noise')
  assert code == 2 and 'has no image with a mask' in err
