"""The classical methods as localizers: maps, masks and refusals."""

import json
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest
from skimage import data as photographs

from manloc_jax import cli
from manloc_jax import errors
from manloc_jax.data import images
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.localization.classical import flat
from manloc_jax.localization.classical import localizer as classical
from manloc_jax.localization.classical import methods

ROOT = pathlib.Path(__file__).parents[1]
PHOTO = photographs.astronaut()[:131, 100:305]  # 205 wide: partial blocks.
JPEG = [n for n, m in methods.METHODS.items() if m.needs == 'jpeg']


@pytest.fixture
def photo(tmp_path):
  path = tmp_path / 'photo.jpg'
  Image.fromarray(PHOTO).save(path, quality=80)
  return path


@pytest.fixture
def command(tmp_path, capsys):
  """Runs `manloc localize`; returns exit code, records and standard error."""

  def run(*paths, **options):
    options = {'out': tmp_path / 'out', **options}
    flags = [f'--{key}={value}' for key, value in options.items()]
    code = cli.main(['localize', *map(str, paths), *flags])
    printed = capsys.readouterr()
    return code, [*map(json.loads, printed.out.splitlines())], printed.err

  return run


@pytest.mark.parametrize('name', methods.METHODS)
def test_maps_are_as_large_as_the_image(name, photo):
  localizer = classical.ClassicalLocalizer(name)
  image = images.read_image(photo)
  raw = localizer.raw_map(photo, image)
  assert raw.dtype == np.float32 and raw.shape == PHOTO.shape[:2]
  result = localizer.localize(photo, image)
  np.testing.assert_array_equal(result.raw, raw)
  assert result.score.min() >= 0 and result.score.max() <= 1
  # The scale keeps the order, but in areas of one colour.
  counts = flat.enlarged(flat.counted(image.pixels), raw.shape)
  order = np.argsort(raw[counts])
  assert (np.diff(result.score[counts][order]) >= 0).all()
  assert not result.score[~counts].any()
  assert result.image_score == pytest.approx(np.quantile(raw, 0.99))


def test_blocks_give_their_value_to_their_pixels():
  values = np.arange(6.0).reshape(2, 3)
  found = classical._enlarged(values, 8, (19, 24))
  assert found.shape == (19, 24)
  for row, column in ((0, 0), (7, 15), (8, 16), (15, 23)):
    assert found[row, column] == values[row // 8, column // 8]
  np.testing.assert_array_equal(found[16:], found[13:16])  # Incomplete.


def test_a_constant_map_marks_nothing(tmp_path):
  path = tmp_path / 'flat.png'
  Image.fromarray(np.full((64, 80, 3), 90, np.uint8)).save(path)
  for name in ('ela', 'noise', 'blocks', 'patchmatch'):
    method = classical.ClassicalLocalizer(name)
    result = method.localize(path, images.read_image(path))
    assert not result.mask.any() and result.regions == []


def test_otsu_parts_two_kinds_and_a_threshold_overrules_it(photo):
  score = np.full((20, 30), 0.2, np.float32)
  score[5:10, 5:10] = 0.7
  assert 0.2 < classical._otsu(score) <= 0.7
  image = images.read_image(photo)
  by_otsu = classical.ClassicalLocalizer('ela').localize(photo, image)
  assert 0 < by_otsu.mask.mean() < 0.5
  given = classical.ClassicalLocalizer('ela', 0.25).localize(photo, image)
  np.testing.assert_array_equal(given.mask, given.score >= 0.25)


@pytest.mark.parametrize('orientation', [3, 6])
@pytest.mark.parametrize('name', ['dct', 'adjpeg'])
def test_coefficients_lie_as_the_pixels_do(name, orientation, photo, tmp_path):
  turned = tmp_path / 'turned.jpg'
  exif = Image.Exif()
  exif[0x0112] = orientation
  data = photo.read_bytes()
  payload = exif.tobytes()
  segment = b'\xff\xe1' + (len(payload) + 2).to_bytes(2, 'big') + payload
  turned.write_bytes(data[:2] + segment + data[2:])
  image = images.read_image(turned)
  assert image.orientation == orientation
  np.testing.assert_array_equal(image.pixels, images.read_image(photo).pixels)
  localizer = classical.ClassicalLocalizer(name)
  np.testing.assert_array_equal(
      localizer.raw_map(turned, image),
      localizer.raw_map(photo, images.read_image(photo)),
  )


@pytest.mark.parametrize('name', JPEG)
def test_coefficients_are_only_in_jpegs(name, tmp_path):
  path = tmp_path / 'photo.png'
  Image.fromarray(PHOTO).save(path)
  with pytest.raises(localizer_lib.NotApplicable, match='photo.png is no JPEG'):
    classical.ClassicalLocalizer(name).raw_map(path, images.read_image(path))


@pytest.mark.parametrize(
    'name, size', [('patchmatch', (63, 99)), ('blocks', (15, 99))]
)
def test_what_is_too_small_is_not_applicable(name, size, tmp_path):
  path = tmp_path / 'small.png'
  Image.fromarray(PHOTO[: size[0], : size[1]]).save(path)
  with pytest.raises(localizer_lib.NotApplicable, match='png is .*or more'):
    classical.ClassicalLocalizer(name).raw_map(path, images.read_image(path))


def test_what_is_too_large_is_not_applicable():
  huge = np.broadcast_to(np.uint8(0), (8000, 8000, 3))  # Without memory.
  decoded = images.Decoded(huge, '')
  with pytest.raises(localizer_lib.NotApplicable, match='64 megapixels'):
    method = classical.ClassicalLocalizer('nadjpeg')
    method.raw_map(pathlib.Path('huge.jpg'), decoded)


def test_bad_settings_are_refused():
  with pytest.raises(errors.UserError, match='choose one of adjpeg'):
    classical.ClassicalLocalizer('elo')
  with pytest.raises(errors.UserError, match='from 0 to 1'):
    classical.ClassicalLocalizer('ela', 7)


def test_the_command_leaves_maps_with_raw_values(command, photo, tmp_path):
  code, (record,), _ = command(photo, method='ela', format='npy')
  assert code == 0
  assert record['method'] == 'ela' and record['threshold'] == 'otsu'
  assert 0 < record['mask_threshold'] < 1
  assert 'percentile' in record['scale'] and 'pillow' in record
  raw = np.load(tmp_path / 'out' / record['files']['heat'])
  method = classical.ClassicalLocalizer('ela')
  wanted = method.raw_map(photo, images.read_image(photo))
  np.testing.assert_array_equal(raw, wanted)
  assert raw.max() > 1, 'not scaled'
  _, (again,), _ = command(photo, method='ela', format='npy')
  assert again['skipped']
  _, (other,), _ = command(photo, method='noise', format='npy')
  assert 'skipped' not in other


def test_not_applicable_files_do_not_stop_the_rest(command, photo, tmp_path):
  Image.fromarray(PHOTO).save(tmp_path / 'a.png')
  code, records, err = command(tmp_path / 'a.png', photo, method='adjpeg')
  assert code == 1
  assert 'choose a method that works on pixels' in records[0]['error']
  assert records[1]['coefficients'] in ('of the file', 'computed from pixels')
  assert len(err.splitlines()) == 2 and '1 of 2' in err


@pytest.mark.parametrize('option', ['workdir', 'stride', 'gate', 'device'])
def test_options_of_the_network_are_refused(option, command, photo):
  value = {'stride': 8, 'gate': 'soft', 'device': 'cpu'}.get(option, 'run')
  code, records, err = command(photo, method='ela', **{option: value})
  assert (code, records) == (2, [])
  assert f'takes no {option}; leave --{option} out' in err


def test_no_jax_is_needed(photo, tmp_path):
  code = (
      'import sys; from manloc_jax import cli;'
      f'cli.main(["localize", {str(photo)!r}, "--method=dct",'
      f'"--out={tmp_path}/out"]); assert "jax" not in sys.modules'
  )
  subprocess.run([sys.executable, '-c', code], check=True, cwd=ROOT)
