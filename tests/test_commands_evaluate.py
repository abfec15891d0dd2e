"""`manloc evaluate`: methods, sets, maps, tables, page, exit codes."""

import json
import re

import numpy as np
import pytest
import trees

from manloc_jax import cli
from manloc_jax.evaluation import protocols
from manloc_jax.reports import published


@pytest.fixture
def sets(tmp_path):
  """Two sets: CASIA, and a folder."""
  casia = trees.casia1(tmp_path / 'casia', forged=4, authentic=2)
  for i in range(3):
    trees.save(tmp_path / f'mine/images/{i}.png', trees.photograph(i))
    trees.save(tmp_path / f'mine/masks/{i}.png', 255 * trees.region(i))
  return {'casia1': casia, 'mine': tmp_path / 'mine'}


@pytest.fixture
def command(sets, tmp_path, capsys):
  """Runs the command on both sets; returns exit code, output and errors."""

  def run(*options, data=None):
    chosen = data or [f'{name}={root}' for name, root in sets.items()]
    code = cli.main([
        'evaluate',
        *(f'--data={one}' for one in chosen),
        f'--out={tmp_path / "out"}',
        '--workers=1',
        *map(str, options),
    ])
    printed = capsys.readouterr()
    return code, printed.out, printed.err

  return run


def test_several_methods_and_sets(command, tmp_path):
  code, out, _ = command('--method=ela,noise', '--method=dct')
  assert code == 0
  for name in ('casia1', 'mine'):
    for method in ('ela', 'noise', 'dct'):
      path = tmp_path / f'out/{name}/{method}.json'
      result = json.loads(path.read_text())
      assert result['method'] == method and result['set'] == name
      area = result['protocols']['whole image']['scores']
      assert f'{area["pixel_auc_image_mean"]:.3f} [' in out
  shown = re.findall(r'^Protocol (.+)$', out, re.M)
  assert shown == [x for x in protocols.PROTOCOLS if x != 'copy-move']
  text = (tmp_path / 'out/scores.md').read_text()
  # Four protocols of pixels, and the table of what was left out.
  assert text.count('| casia1 | ela | 4 |') == 5
  assert '| trivial |' in text


def test_tables_hold_one_protocol_each(command, tmp_path):
  command('--method=dct')
  text = (tmp_path / 'out/scores.md').read_text()
  for block in text.split('#### ')[1:]:
    if block.startswith(('Protocol ', 'Kinds ')):
      header = block.splitlines()[2]
      kinds = {
          'oracle' in header and 'permuted' not in header,
          'permuted' in header,
          'image AUC' in header,
          'AUC, mean' in header,
          'F1 at 0.5' in header and 'permuted' not in header,
      }
      assert kinds == {True, False}


def test_the_page_needs_no_other_file(command, tmp_path):
  code, _, _ = command('--method=noise,ela')
  page = (tmp_path / 'out/report.html').read_text()
  assert code == 0
  sources = re.findall(r'(?:src|href)="([^"]{0,10})', page)
  assert sources and all(source.startswith('data:image') for source in sources)
  # A ROC and areas for each set; of each image one picture for each method.
  assert len(sources) == 2 * 2 + 2 * (4 + 3)
  assert 'Best' in page and 'Worst' in page and 'left out' not in page


def test_published_figures_stand_beside_ours(command, tmp_path):
  command('--method=dct')
  text = (tmp_path / 'out/scores.md').read_text()
  (block,) = re.findall(r'#### MVSS protocol.+?(?=####)', text, re.S)
  assert '| dct (this package) | ' in block and '(4 images)' in block
  assert '| TruFor | 0.721 |' in block
  assert '| SparseViT † | 0.646 | RelayFormer' in block
  assert 'mine' not in block, 'a set of nobody else'


def test_published_figures_name_known_protocols():
  content = published.read()
  for table in content['tables']:
    assert table['protocol'] in protocols.PROTOCOLS
    for row in table['rows']:
      assert {'method', 'scores', 'paper', 'second_hand'} == {*row}
      assert all(0 <= value <= 1 for value in row['scores'].values())


def test_given_maps(command, sets, tmp_path):
  rng = np.random.default_rng(0)
  maps = tmp_path / 'theirs'
  maps.mkdir()
  for path in [*sets['casia1'].rglob('*.jpg')][1:]:
    np.savez(maps / f'{path.name}.npz', map=rng.random(trees.SIZE), score=0.3)
  (maps / 'mine').mkdir()
  for i in range(3):
    np.save(maps / f'mine/{i}.npy', rng.random(trees.SIZE))
  code, out, err = command(f'--maps={maps}')
  assert code == 1 and 'maps-theirs' in out
  first, second = err.splitlines()
  assert 'casia1, maps-theirs: There is no map in' in first
  assert second == 'casia1, maps-theirs: 5 images scored; 1 left out.'
  result = json.loads((tmp_path / 'out/mine/maps-theirs.json').read_text())
  assert result['counts']['left_out'] == 0


def test_what_is_odd_is_said_and_counted(command, sets, tmp_path):
  maps = tmp_path / 'maps'
  maps.mkdir()
  for i in range(3):
    np.save(maps / f'{i}.npy', np.ones([x // 2 for x in trees.SIZE]))
  full = np.full(trees.SIZE, 255, np.uint8)
  trees.save(sets['mine'] / 'masks/1.png', full)
  code, _, err = command(f'--maps={maps}', data=[f'mine={sets["mine"]}'])
  assert code == 0
  assert err.count('96x64 pixels and was resized') == 3
  assert err.count('marks every pixel.') == 1
  last = err.splitlines()[-1]
  assert '1 with a mask of one class' in last and '3 with a resized' in last


def test_what_is_done_is_kept(command, tmp_path):
  command('--method=ela')
  path = tmp_path / 'out/mine/ela.json'
  before = path.stat().st_mtime_ns
  _, out, _ = command('--method=noise')
  assert 'ela' not in out
  command('--method=ela,noise')
  assert path.stat().st_mtime_ns == before


def test_a_set_that_cannot_be_scored_is_named(command, sets, tmp_path):
  data = [f'mine={sets["mine"]}', 'casia1=/nowhere', f'empty={tmp_path}/no']
  code, out, err = command('--method=ela', data=data)
  assert code == 1 and 'mine' in out
  assert len(err.splitlines()) == 2
  assert 'casia1: ' in err and '/nowhere' in err and 'empty: ' in err
  code, out, err = command('--method=ela', data=data[1:])
  assert code == 2 and not out


def test_folders_are_called_by_their_names(command, sets, tmp_path):
  other = tmp_path / 'more' / 'mine'
  other.parent.mkdir()
  other.symlink_to(sets['mine'])
  data = [f'folder={sets["mine"]}', f'mine={other}', f'mine={other}']
  command('--method=ela', data=data)
  names = {path.name for path in (tmp_path / 'out').iterdir() if path.is_dir()}
  assert names == {'mine', 'mine-2', 'mine-3'}


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--method=magic'], 'no method'),
        (['--method=maps'], '--maps'),
        (['--method=ela', '--maps=x'], '--maps'),
        (['--workdir=/nowhere'], '/nowhere'),
        (['--maps=a/x', '--maps=b/x'], 'rename one'),
        (['--data=casia1'], 'NAME=ROOT'),
        (['--data=a/b=c'], 'NAME=ROOT'),
        (['--data=..=c'], 'NAME=ROOT'),
        (['--out='], '--out'),
    ],
)
def test_refusals_are_one_line(options, words, command, sets, capsys):
  try:
    code, _, err = command(*options)
  except SystemExit as done:
    code, err = done.code, capsys.readouterr().err
  (line,) = err.splitlines()
  assert code == 2 and words in line
