"""Files, folders and patterns to image files."""

import os
import pathlib
import shutil

import pytest

from manloc_jax.data import spec
from manloc_jax.data.listing import image_files


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
  listed = image_files.find([str(tree / x) for x in named], tree / out).images
  assert all(x.path.name == pathlib.Path(x.name).name for x in listed)
  return [image.name for image in listed]


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
  (image,) = image_files.find([''], tree / 'out').images
  assert image.name == ''


def test_patterns(tree):
  assert names(tree, 'a/*') == ['1.jpg', '2.PNG', 'notes.txt']
  assert names(tree, '**/*.tif') == ['[4].tif']
  assert names(tree, '*.gif') == ['*.gif']


def test_a_file_named_twice_counts_once(tree):
  assert names(tree, 'b', 'b/1.jpg', 'b/*.jpg') == ['1.jpg', '[4].tif']


def test_a_named_file_is_preferred_to_that_of_a_named_folder(tree):
  (tree / 'a/loop').symlink_to('.')
  both = names(tree, 'a', 'a/1.jpg')
  assert sorted(names(tree, 'a/loop', 'a/1.jpg')) == sorted(both)


def test_results_of_one_name_are_refused(tree):
  with pytest.raises(spec.DataError, match='named 1.jpg'):
    names(tree, 'a', 'b')


def passed_over(listing: image_files.Listing) -> dict[str, str]:
  return {item.path.name: item.reason.value for item in listing.passed_over}


def test_what_a_folder_holds_besides_is_told(tree):
  (tree / 'a/gone.jpg').symlink_to('nowhere.jpg')
  (tree / 'a/same.jpg').symlink_to('1.jpg')
  (tree / 'a/loop').symlink_to('.')
  listing = image_files.find([str(tree / 'a')])
  assert [image.name for image in listing.images] == ['1.jpg', 'below/2.PNG']
  assert passed_over(listing) == {
      'notes.txt': 'not named as images',
      '.hidden.png': 'hidden',
      '.thumbnails': 'hidden',
      'gone.jpg': 'links that lead nowhere',
      'same.jpg': 'links to what is listed already',
      'loop': 'links to what is listed already',
  }
  assert listing.counts() == {
      'not named as images': 1,
      'hidden': 2,
      'links to what is listed already': 2,
      'links that lead nowhere': 1,
  }


def test_links_are_followed_once(tree):
  (tree / 'a/b').symlink_to('../b')  # Outside the folder.
  (tree / 'a/twice').symlink_to('../b')
  (tree / 'a/again').symlink_to('below')  # Inside it.
  (tree / 'a/up').symlink_to('..')  # Above it.
  (tree / 'a/one.jpg').symlink_to('../b/[4].tif')  # Reached by `b` before.
  assert names(tree, 'a') == ['1.jpg', 'one.jpg', 'b/1.jpg', 'below/2.PNG']


def test_folders_behind_hidden_ones_are_followed(tree):
  (tree / 'a/.store').mkdir()
  (tree / 'a/.store/6.jpg').write_bytes(b'')
  (tree / 'a/day').symlink_to('.store')
  assert names(tree, 'a') == ['1.jpg', 'below/2.PNG', 'day/6.jpg']


def test_a_link_to_the_results_is_no_input(tree):
  (tree / 'a/old').symlink_to('../out')
  assert names(tree, 'a') == ['1.jpg', 'below/2.PNG']


def test_named_links_count(tree):
  (tree / 'link.jpg').symlink_to('a/1.jpg')
  assert names(tree, 'a', 'link.jpg') == ['1.jpg', 'below/2.PNG', 'link.jpg']


def test_folders_that_cannot_be_read_are_told(tree, monkeypatch):
  scan = os.scandir

  def refuse(path):
    if os.fspath(path).endswith('below'):
      raise PermissionError(13, 'Permission denied', os.fspath(path))
    return scan(path)

  monkeypatch.setattr(os, 'scandir', refuse)
  listing = image_files.find([str(tree / 'a')])
  assert [image.name for image in listing.images] == ['1.jpg']
  assert passed_over(listing)['below'] == 'folders that cannot be read'


def test_every_image_file_of_the_case_is_listed(test_data, tmp_path):
  cases = test_data / 'cases'
  for name in ('folder_search', 'linked'):
    shutil.copytree(cases / name, tmp_path / name)
  (tmp_path / 'folder_search/day2').symlink_to('../linked')
  listing = image_files.find([str(tmp_path / 'folder_search')])
  assert [image.name for image in listing.images] == [
      'IMG_0001.HEIC', 'a.jpg', 'c.ppm', 'day2/linked.jpg'
  ]  # fmt: skip
  assert not listing.passed_over
