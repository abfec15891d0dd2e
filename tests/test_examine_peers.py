"""Facts of reports are those of exiftool and djpeg, where these are there."""

import functools
import json
import pathlib
import re
import shutil
import subprocess

from PIL import Image
import pytest
import specimens

from manloc_jax.examine import jpeg_history
from manloc_jax.examine import metadata
from manloc_jax.examine import opened_file

MOST = 25  # Files of each folder, spread over its names.
FOLDERS = (
    'camera_jpegs', 'photographs', 'photographs_share_alike', 'casia1',
    'nc2016',
)  # fmt: skip
SOURCES = {
    'make': 'IFD0:Make',
    'model': 'IFD0:Model',
    'orientation': 'IFD0:Orientation',
}
DATES = {
    'ModifyDate': 'IFD0:ModifyDate',
    'DateTimeOriginal': 'ExifIFD:DateTimeOriginal',
    'DateTimeDigitized': 'ExifIFD:CreateDate',
}


def find(program: str) -> str:
  """Returns the path of a program, or skips the test."""
  path = shutil.which(program)
  if path is None:
    pytest.skip(f'{program} is not installed: nothing to compare with.')
  return path


def specimen(**options) -> bytes:
  """A JPEG file with all that is compared."""
  block = Image.Exif()
  for tag, value in {
      271: 'Maker', 272: 'Model 5', 274: 6, 305: 'Editor 1.0',
      306: '2024:05:06 07:08:09',
  }.items():  # fmt: skip
    block[tag] = value
  block.get_ifd(0x8769)[36867] = '2024:05:06 07:08:08'
  block.get_ifd(0x8825).update({
      1: 'S', 2: (33.0, 51.0, 25.5), 3: 'W', 4: (70.0, 30.0, 15.25),
  })  # fmt: skip
  return specimens.jpeg(exif=block.tobytes(), **options)


@pytest.fixture
def made(tmp_path) -> list[pathlib.Path]:
  """Files that are made here, with what photographs may lack."""
  picture = specimens.photograph()
  kinds = {
      'full.jpg': specimen(),
      'progressive.jpg': specimen(progressive=True, quality=60),
      'fine.jpg': specimen(subsampling=0, quality=97),
      'half.jpg': specimen(subsampling=1, quality=35),
      'grey.jpg': specimens.jpeg(picture.convert('L')),
      'cmyk.jpg': specimens.jpeg(picture.convert('CMYK')),
  }
  for name, data in kinds.items():
    (tmp_path / name).write_bytes(data)
  return [tmp_path / name for name in kinds]


def sample(root: pathlib.Path) -> list[pathlib.Path]:
  """Returns real JPEG files, some of each folder."""
  found = []
  for name in FOLDERS:
    paths = sorted(
        path for path in (root / name).rglob('*')
        if path.suffix.lower() in ('.jpg', '.jpeg') and path.is_file()
    )  # fmt: skip
    found += paths[:: max(1, -(-len(paths) // MOST))]
  return found


@functools.cache
def exiftool(path: pathlib.Path) -> dict:
  """Returns what exiftool tells of a file, numbers as they are stored."""
  command = [find('exiftool'), '-json', '-n', '-G1', '-a', str(path)]
  told = subprocess.run(command, capture_output=True, timeout=120).stdout
  return json.loads(told)[0]


@functools.cache
def history(path: pathlib.Path) -> dict:
  """Returns what a report tells of the compression of a file."""
  return jpeg_history.section(opened_file.OpenedFile(path)).facts


def compare_with_exiftool(path: pathlib.Path) -> None:
  told = exiftool(path)
  file = opened_file.OpenedFile(path)
  assert len(file.data) == told['System:FileSize'], path
  coding = history(path)['coding']
  size = told['File:ImageWidth'], told['File:ImageHeight']
  assert (coding['width'], coding['height']) == size, path
  facts = metadata.section(file).facts
  if facts['exif'] and 'cannot_tell' in facts['exif']:
    return
  summary = facts['summary']
  for key, name in SOURCES.items():
    assert _text(summary[key]) == _text(told.get(name)), (path, key)
  software = _text(told.get('IFD0:Software'))
  assert not software or software in map(_text, summary['software']), path
  dates = {
      date['name']: _text(date['value'])
      for date in summary['dates']
      if date['source'] == 'EXIF'
  }
  for key, name in DATES.items():
    assert dates.get(key, '') == _text(told.get(name)), (path, key)
  position = [
      told.get(f'Composite:GPS{name}') for name in ('Latitude', 'Longitude')
  ]
  if None in position:
    assert not isinstance(summary['gps'], dict) or (
        'cannot_tell' in summary['gps']
    ), path
  else:
    ours = summary['gps']['latitude'], summary['gps']['longitude']
    assert ours == pytest.approx(position, abs=1e-5), path


def _text(value) -> str:
  """Returns a value as both would show it; not all is ASCII or UTF-8."""
  text = '' if value is None else str(value)
  return re.sub('[^ ->@-~]+|[?]+', '?', text.rstrip('\0')).strip()


def djpeg(path: pathlib.Path) -> dict:
  """Returns what djpeg tells of a file."""
  command = [find('djpeg'), '-verbose', '-verbose', str(path)]
  told = subprocess.run(command, capture_output=True, timeout=120).stderr
  text = told.decode('latin-1')
  tables = {}
  for number, body in re.findall(
      r'Define Quantization Table (\d+)  precision \d\n((?: +\d+ *\S.*\n){8})',
      text,
  ):
    tables[int(number)] = [*map(int, body.split())]
  frame, *_ = re.findall(
      r'Start Of Frame (0x\w\w): width=(\d+), height=(\d+), components=(\d+)',
      text,
  )
  sampling = re.findall(r'Component \S+: (\d)hx(\d)v q=\d', text)
  components = int(frame[3])
  return {
      'kind': {'0xc0': 'baseline', '0xc1': 'extended', '0xc2': 'progressive'}[
          frame[0]
      ],
      'size': (int(frame[1]), int(frame[2])),
      # Those of the scans follow.
      'sampling': ', '.join(f'{h}x{v}' for h, v in sampling[:components]),
      'tables': tables,
  }


def compare_with_djpeg(path: pathlib.Path) -> None:
  told = djpeg(path)
  facts = history(path)
  coding = facts['coding']
  assert coding['kind'] == told['kind'], path
  assert (coding['width'], coding['height']) == told['size'], path
  assert coding['sampling'] == told['sampling'], path
  tables = {table['number']: table['values'] for table in facts['tables']}
  assert tables == told['tables'], path


@pytest.mark.parametrize(
    ('program', 'compare'),
    [('exiftool', compare_with_exiftool), ('djpeg', compare_with_djpeg)],
    ids=['exiftool', 'djpeg'],
)
def test_files_that_are_made_here(program, compare, made):
  find(program)
  for path in made:
    compare(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('program', 'compare'),
    [('exiftool', compare_with_exiftool), ('djpeg', compare_with_djpeg)],
    ids=['exiftool', 'djpeg'],
)
def test_photographs(program, compare, test_data):
  find(program)
  paths = sample(test_data)
  for path in paths:
    compare(path)
  if not paths:
    pytest.skip('The folder of MANLOC_TEST_DATA holds no JPEG files.')
