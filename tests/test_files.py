"""Files are written atomically, and errors name them."""

import os
import re

import pytest

from manloc_jax import files


def test_what_is_no_json_is_a_value_error(tmp_path):
  path = tmp_path / 'a.json'
  for content in (b'{', b'[' * 100_000, b'\xff\xfe{}'):
    path.write_bytes(content)
    with pytest.raises(ValueError):
      files.read_json(path)
  path.write_bytes('{"é": 1}'.encode())
  assert files.read_json(path) == {'é': 1}


def test_a_failure_keeps_the_old_file(tmp_path):
  path = tmp_path / 'a.json'
  files.write_text(path, 'old')
  with pytest.raises(ZeroDivisionError):
    with files.replacing(path) as temporary:
      temporary.write_text('new')
      raise ZeroDivisionError
  assert path.read_text() == 'old'
  assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('name', ['no/such/a.json', 'folder'])
def test_an_error_names_the_file_that_was_asked_for(tmp_path, name):
  (tmp_path / 'folder').mkdir()
  path = tmp_path / name
  with pytest.raises(OSError) as error:
    files.write_text(path, 'x')
  assert error.value.filename == str(path)
  assert [one.name for one in tmp_path.iterdir()] == ['folder']


def test_no_link_that_was_planted_is_followed(tmp_path, monkeypatch):
  """Not the one at the path, nor any at a name that could be guessed."""
  victim = tmp_path / 'victim'
  victim.write_text('precious')
  out = tmp_path / 'out'
  out.mkdir()
  path = out / 'a.json'
  path.symlink_to(victim)
  planted = out / f'a.json.{os.getpid()}.tmp'
  planted.symlink_to(victim)
  files.write_text(path, 'new')
  assert victim.read_text() == 'precious'
  assert path.read_text() == 'new' and not path.is_symlink()
  # Even if the name were known, the file would have to be new.
  monkeypatch.setattr(files.secrets, 'token_hex', lambda n: str(os.getpid()))
  with pytest.raises(FileExistsError) as error:
    files.write_text(path, 'newer')
  assert error.value.filename == str(path)
  assert victim.read_text() == 'precious' and path.read_text() == 'new'


def test_names_of_temporary_files_differ(tmp_path):
  names = set()
  for _ in range(20):
    with files.replacing(tmp_path / 'a') as temporary:
      names.add(temporary.name)
  assert len(names) == 20
  assert all(re.fullmatch(r'a\.[0-9a-f]{16}\.tmp', name) for name in names)


def test_folders_below_one_that_was_named_are_no_links(tmp_path):
  elsewhere = tmp_path / 'elsewhere'
  elsewhere.mkdir()
  out = tmp_path / 'out'
  out.symlink_to(elsewhere)  # The user named it, and knows.
  files.make_folder(out / 'a/b', out)
  assert (elsewhere / 'a/b').is_dir()
  (out / 'c').symlink_to(tmp_path)
  with pytest.raises(OSError, match='It is a link'):
    files.make_folder(out / 'c/d', out)
  assert not (tmp_path / 'd').exists()


def test_lines_are_not_added_through_links(tmp_path):
  (tmp_path / 'link').symlink_to(tmp_path / 'victim')
  with pytest.raises(OSError):
    files.open_to_append(tmp_path / 'link')
  assert not (tmp_path / 'victim').exists()
  for text in (b'a', b'b'):
    with files.open_to_append(tmp_path / 'file') as file:
      file.write(text)
  assert (tmp_path / 'file').read_bytes() == b'ab'


@pytest.mark.parametrize('read', [files.read_json, files.read_text])
def test_only_regular_files_are_read(read, tmp_path):
  os.mkfifo(tmp_path / 'pipe')
  (tmp_path / 'zero').symlink_to('/dev/zero')
  for name in ('pipe', 'zero', '.'):
    with pytest.raises(OSError, match='It is (no regular file|a folder)'):
      read(tmp_path / name)  # It does not wait.


def test_sizes_are_known_before_reading(tmp_path):
  path = tmp_path / 'a.json'
  with path.open('wb') as file:
    file.truncate(files.MAX_JSON_BYTES + 1)  # It takes no space.
  with pytest.raises(OSError, match='at most 100,000,000 are read'):
    files.read_json(path)


@pytest.mark.parametrize(
    'text, words',
    [
        ('[' * 41 + ']' * 41, 'nested too deeply'),
        ('{"a": NaN}', 'NaN'),
        ('[1e999]', 'not finite'),
        (f'[{2**63}]', '64 bits'),
        ('[-Infinity]', '-Infinity'),
        ('9' * 5000, 'digits'),
    ],
)
def test_odd_json_is_refused(text, words):
  with pytest.raises(ValueError, match=words):
    files.parse_json(text)


def test_many_values_are_refused_before_they_take_memory(monkeypatch):
  monkeypatch.setattr(files, 'MAX_JSON_VALUES', 100)
  assert len(files.parse_json(f'[{"0," * 98}0]')) == 99
  for text in (f'[{"0," * 100}0]', f'[{"[]," * 50}0]'):
    with pytest.raises(ValueError, match='more than 100 values'):
      files.parse_json(text)
