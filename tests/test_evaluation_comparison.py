"""Paired comparisons, against NumPy and SciPy by hand."""

import json

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from manloc_jax import cli
from manloc_jax import errors
from manloc_jax.evaluation import comparison

IMAGES = 40


def result(seed, better=0.0, **changes):
  rng = np.random.default_rng(seed)
  rows = [
      {
          'image_id': str(i),
          'is_manipulated': i % 4 > 0,
          'pixels': 100,
          'manipulated': 0.1,
          'image_score': rng.random() + (i % 4 > 0) * better,
          **({'auc': rng.random() + better} if i % 4 else {}),
          **({'f1_half': None} if i % 4 else {}),
      }
      for i in range(IMAGES)
  ]
  return {
      'method': f'm{seed}', 'set': 'mine', 'dataset': 'folder',
      'is_probability': True, 'protocols': {}, 'images': rows, **changes,
  }  # fmt: skip


def column(of, name):
  return np.array([row[name] for row in of['images'] if name in row])


def test_differences():
  a, b = result(0, better=0.3), result(1)
  got = comparison.compare(a, b)
  assert (got['a'], got['b']) == ('m0', 'm1')
  assert got['images'] == IMAGES and got['only_one'] == 0
  assert {*got['protocols']} == {'whole image', 'detection'}
  of = got['protocols']['whole image']['pixel_auc_image_mean']
  x, y = column(a, 'auc'), column(b, 'auc')
  assert of['images'] == len(x) == 30
  assert of['difference'] == pytest.approx((x - y).mean())
  assert of['difference'] == pytest.approx(of['a'] - of['b'])
  assert of['won'] == (x > y).mean() and of['tied'] == 0
  assert of['p'] == pytest.approx(stats.wilcoxon(x, y).pvalue)
  low, high = of['interval']
  error = (x - y).std() / np.sqrt(len(x))
  assert (low + high) / 2 == pytest.approx(of['difference'], abs=error / 3)
  assert high - low == pytest.approx(2 * 1.96 * error, rel=0.15)
  truth = column(a, 'is_manipulated')
  area = got['protocols']['detection']['image_auc']
  assert area['difference'] == pytest.approx(
      sklearn_metrics.roc_auc_score(truth, column(a, 'image_score'))
      - sklearn_metrics.roc_auc_score(truth, column(b, 'image_score'))
  )
  assert area['interval'][0] < area['difference'] < area['interval'][1]


def test_a_method_against_itself():
  of = comparison.compare(result(0), result(0))['protocols']
  of = of['whole image']['pixel_auc_image_mean']
  assert of['difference'] == of['won'] == 0 and of['tied'] == of['p'] == 1


def test_only_images_of_both_count():
  a, b = result(0), result(1)
  del a['images'][:8], b['images'][30:]
  got = comparison.compare(a, b)
  assert got['images'] == 22 and got['only_one'] == 18
  assert got['protocols']['whole image']['pixel_auc_image_mean']['images'] == 16


def test_refusals():
  with pytest.raises(errors.UserError, match="'mine' and the other of 'yours'"):
    comparison.compare(result(0), result(1, set='yours'))
  with pytest.raises(errors.UserError, match='no image in common'):
    comparison.compare(result(0), result(1, images=[]))
  other = result(1)
  other['images'][3]['manipulated'] = 0.2
  with pytest.raises(errors.UserError, match='The image 3 has another size or'):
    comparison.compare(result(0), other)


def test_the_command(tmp_path, capsys):
  for name in ('mine', 'yours', 'lonely'):
    (tmp_path / name).mkdir()
    for seed in (0, 1)[: 1 if name == 'lonely' else 2]:
      path = tmp_path / name / f'm{seed}.json'
      path.write_text(json.dumps(result(seed, set=name)))
  command = ['compare', 'm0', 'm1', f'--results={tmp_path}']
  assert cli.main([*command, f'--json={tmp_path / "all.json"}']) == 0
  out = capsys.readouterr().out
  assert 'm0 and m1 on mine, protocol whole image: 40 images of both' in out
  assert 'on yours' in out
  assert len(json.loads((tmp_path / 'all.json').read_text())) == 2
  pair = [str(tmp_path / f'mine/m{seed}.json') for seed in (0, 1)]
  assert cli.main(['compare', *pair, '--json=-']) == 0
  assert json.loads(capsys.readouterr().out)[0]['images'] == IMAGES


@pytest.mark.parametrize(
    ('a', 'b', 'words'),
    [
        ('x', 'y', 'no set below'),
        ('a.json', 'a.json', 'cannot be read'),
        ('b.json', 'b.json', 'is no result'),
    ],
)
def test_the_command_refuses(a, b, words, tmp_path, monkeypatch, capsys):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'b.json').write_text('{"scores": 1}')
  assert cli.main(['compare', a, b]) == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert words in line
