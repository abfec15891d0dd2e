"""Files, folders and patterns to image files."""

import pathlib

import pytest

from manloc_jax.data import image_files
from manloc_jax.data import spec


@pytest.fixture
def tree(tmp_path):
  for name in (
      'a/1.jpg', 'a/below/2.PNG', 'a/notes.txt', 'a/.hidden.png',
      'a/.thumbnails/3.png', 'b/1.jpg', 'b/[4].tif', 'out/5.jpg',
  ):  # fmt: skip
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'')
  return tmp_path


def names(tree, *named: str, out: str = 'out') -> list[str]:
  found = image_files.find([str(tree / x) for x in named], tree / out)
  assert all(one.path.name == pathlib.Path(one.name).name for one in found)
  return [one.name for one in found]


def test_folders_give_the_images_below_them(tree):
  assert names(tree, 'a') == ['1.jpg', 'below/2.PNG']


def test_results_are_no_input(tree):
  assert names(tree, '') == [
      'a/1.jpg', 'a/below/2.PNG', 'b/1.jpg', 'b/[4].tif'
  ]  # fmt: skip
  for out in ('', 'a'):
    with pytest.raises(spec.DataError, match='folder for results'):
      names(tree, 'a', out=out)


def test_files_count_whatever_their_suffix(tree):
  assert names(tree, 'a/notes.txt', 'b/[4].tif', 'b/none') == [
      'notes.txt', '[4].tif', 'none'
  ]  # fmt: skip


def test_an_empty_name_is_not_the_working_folder(tree, monkeypatch):
  monkeypatch.chdir(tree / 'a')
  (found,) = image_files.find([''], tree / 'out')
  assert found.name == ''


def test_patterns(tree):
  assert names(tree, 'a/*') == ['1.jpg', '2.PNG', 'notes.txt']
  assert names(tree, '**/*.tif') == ['[4].tif']
  assert names(tree, '*.gif') == ['*.gif']


def test_a_file_named_twice_counts_once(tree):
  assert names(tree, 'b', 'b/1.jpg', 'b/*.jpg') == ['1.jpg', '[4].tif']


def test_results_of_one_name_are_refused(tree):
  with pytest.raises(spec.DataError, match='named 1.jpg'):
    names(tree, 'a', 'b')
