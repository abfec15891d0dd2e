"""`manloc localize` on hostile files: one record or error for each."""

import itertools
import json
import os
import pathlib
import warnings

import hostile
import numpy as np
from PIL import Image
import pytest
import test_localization_fusion

from manloc_jax import cli
from manloc_jax import errors
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.decoding import quantization
from manloc_jax.localization.classical import jpeg
from manloc_jax.localization.classical import methods
from manloc_jax.localization.fusion import weights as weights_lib

# What takes more of a method than the pixels.
_JPEG_METHODS = [k for k, v in methods.METHODS.items() if v.needs == 'jpeg']
# These take a second for each of the larger images.
_SLOW = ('fusion', 'patchmatch')


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
  """Folders of broken files, of irregular images and of other files."""
  root = tmp_path_factory.mktemp('tree')
  hostile.write(root / 'broken', hostile.broken())
  hostile.write(root / 'odd', hostile.odd())
  some = itertools.islice(hostile.odd(), 0, None, 5)
  hostile.write(root / 'some', some)
  hostile.no_files(root / 'none')
  return root


@pytest.fixture
def command(tmp_path, capfd):
  """Runs the command; returns exit code, records and lines of errors."""
  out = tmp_path / 'out'

  def run(*paths, method='ela'):
    flags = [f'--method={method}', f'--out={out}']
    if method == 'fusion':
      weights_lib.save(
          tmp_path / 'fusion.safetensors',
          test_localization_fusion.random_weights(),
      )
      flags += [f'--workdir={tmp_path}', '--device=cpu']
    capfd.readouterr()
    with warnings.catch_warnings():
      warnings.simplefilter('error')
      code = cli.main(['localize', *flags, '--', *map(str, paths)])
    printed = capfd.readouterr()
    records = [*map(json.loads, printed.out.splitlines())]
    return code, records, printed.err.splitlines()

  return run


def reasons(records) -> dict[str, str]:
  """Returns the errors of refused files by name."""
  return {
      pathlib.Path(record['image']).name: record['error']
      for record in records
      if 'error' in record
  }


def names(*folders: pathlib.Path) -> set[str]:
  """Returns the files of folders without links that lead nowhere."""
  return {
      path.name
      for folder in folders
      for path in folder.iterdir()
      if os.path.exists(path)
  }


@pytest.mark.parametrize('method', ['fusion', *methods.METHODS])
def test_a_line_for_each_file_and_no_noise(method, tree, command):
  odd = tree / ('some' if method in _SLOW else 'odd')
  code, records, lines = command(odd, tree / 'none', method=method)
  assert code == 1
  assert len(records) == len(names(odd, tree / 'none'))
  refused = reasons(records)
  unmeasured = [
      f'{record["image"]}: {record["not_measured"]}'
      for record in records
      if 'not_measured' in record
  ]
  broken_links = [
      f'The link {path} leads nowhere; mend it or remove it.'
      for path in sorted((tree / 'none').iterdir())
      if not os.path.exists(path)
  ]
  wanted = [*unmeasured, *refused.values(), *broken_links]
  assert [errors.printable(x) for x in wanted] == lines[:-2]
  assert lines[-2].endswith('links that lead nowhere (4).')
  assert f'{len(records) - len(refused)} of {len(records)}' in lines[-1]
  assert names(tree / 'none') <= set(refused)
  for name in set(refused) - names(tree / 'none'):
    needs_jpeg = method in ('adjpeg', 'dct', 'nadjpeg')
    assert 'too small for' in refused[name] or (
        needs_jpeg and 'no JPEG file' in refused[name]
    )
  for record in records:
    if 'error' not in record:
      if 'not_measured' not in record:
        assert np.isfinite(record['image_score'])
      assert 0 <= record['manipulated_share'] <= 1


def test_whatever_is_broken_is_refused(tree, command):
  code, records, lines = command(tree / 'broken')
  assert code == 2
  refused = reasons(records)
  assert set(refused) == names(tree / 'broken')
  assert [errors.printable(x) for x in refused.values()] == lines[:-1]
  for name, reason in refused.items():
    assert reason.count(name) == 1 and reason.endswith('.')
  for name in ('bomb.png', 'bomb.gif', 'bomb.tif', 'bomb.bmp', 'scans.jpg'):
    assert 'bomb' in refused[name].replace(name, '')


def test_only_pictures_are_opened(tmp_path, monkeypatch):
  """Pillow would start another program for PostScript."""
  Image.init()
  monkeypatch.setitem(Image.OPEN, 'EPS', (pytest.fail, lambda prefix: True))
  (tmp_path / 'a.jpg').write_bytes(dict(hostile.broken())['program.jpg'])
  with pytest.raises(spec.DataError, match='not an image'):
    images.read_image(tmp_path / 'a.jpg')


def test_scans_are_those_of_the_image(tmp_path):
  """Not what follows it: telephones append films, where anything occurs."""
  path = tmp_path / 'a.jpg'
  path.write_bytes(hostile.many_scans(300) + 1000 * b'\xff\xda\0\2')
  images.read_image(path)
  path.write_bytes(hostile.many_scans(501))
  with pytest.raises(spec.DataError, match='500 scans'):
    images.read_image(path)


def test_a_quantization_table_with_zeros_is_none(tmp_path):
  path = tmp_path / 'a.jpg'
  for step, usable in ((0, False), (1, True), (255, True)):
    path.write_bytes(hostile.jpeg_with(step))
    assert (quantization.read(path) is not None) == usable


def test_what_libjpeg_prints_and_refuses(tmp_path, monkeypatch, capfd):
  pytest.importorskip('jpeglib', reason='The extra `jpeg` is not installed.')
  path = tmp_path / 'a.jpg'
  path.write_bytes(hostile.many_scans(3))  # Libjpeg warns of the order.
  assert jpeg.read(path) is not None
  assert capfd.readouterr().err == ''

  def fail(path):
    raise OSError('reading info failed')

  monkeypatch.setattr(jpeg.jpeglib, 'read_dct', fail)
  computed = jpeg.read(path)
  assert computed is not None and not computed.is_exact


@pytest.mark.parametrize('method', ['dct', 'adjpeg', 'nadjpeg'])
@pytest.mark.parametrize(
    'name, coefficients',
    [
        ('arithmetic.jpg', 'computed from pixels'),
        ('no_eoi.jpg', 'of the file'),
    ],
)
def test_odd_jpegs_are_localized_and_the_record_says_how(
    method, name, coefficients, test_data, command
):
  if coefficients == 'of the file':
    pytest.importorskip('jpeglib', reason='The extra `jpeg` is not installed.')
  code, (record,), _ = command(test_data / 'cases' / name, method=method)
  assert (code, record['coefficients']) == (0, coefficients)


def test_long_names_are_refused_before_any_work(command, tmp_path):
  picture = hostile.encode(hostile.PICTURE, 'PNG')
  for length in (200, 230):
    (tmp_path / f'{length * "n"}.png').write_bytes(picture)
  code, records, lines = command(tmp_path)
  assert code == 1 and len(records) == 2
  assert '220 bytes' in lines[0]
  assert len(list((tmp_path / 'out').iterdir())) == 5  # With the summary.


def test_messages_stay_on_their_line():
  message = 'a\nb\x1b[2J\udcff é写.jpg'
  assert errors.printable(message) == 'a\\nb\\x1b[2J\\udcff é写.jpg'
