"""Files are written atomically, and errors name them."""

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
