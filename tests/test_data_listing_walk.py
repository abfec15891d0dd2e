"""Walks of folders: links, cycles of links and unreadable folders."""

import os

import pytest

from manloc_jax.data import spec
from manloc_jax.data.listing import image_trees
from manloc_jax.data.listing import walk


def listing(root, **options):
  errors = []
  found = [
      (folder.relative_to(root) / name).as_posix()
      for folder, names in walk.walk(root, errors.append, **options)
      for name in names
  ]
  return found, errors


def touch(path):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(b'')


@pytest.fixture
def root(tmp_path):
  for name in ('b/2.jpg', 'b/1.jpg', 'a.jpg', '.hidden/x.jpg', '.x.jpg'):
    touch(tmp_path / 'tree' / name)
  touch(tmp_path / 'tree/__MACOSX/y.jpg')
  touch(tmp_path / 'linked/c.jpg')
  (tmp_path / 'tree/day2').symlink_to('../linked')
  return tmp_path / 'tree'


def test_links_are_followed_and_hidden_files_passed_over(root):
  assert listing(root) == (
      ['a.jpg', 'b/1.jpg', 'b/2.jpg', 'day2/c.jpg'], []
  )


def test_loops_end(root):
  (root / 'b/self').symlink_to('.')
  (root / 'b/up').symlink_to('../..')  # Above the root.
  (root / 'b/day').symlink_to('../../linked')
  (root / 'day2/back').symlink_to('../tree/b')
  (root / 'b/nowhere').symlink_to('nowhere')  # To itself.
  found, errors = listing(root)
  assert found == [
      'a.jpg',
      'b/1.jpg',
      'b/2.jpg',
      'b/nowhere',
      'b/day/c.jpg',
      'day2/c.jpg',
      'day2/back/1.jpg',
      'day2/back/2.jpg',
      'day2/back/nowhere',
  ]
  assert not errors


def test_some_folders_are_skipped(root):
  found, _ = listing(root, skip=lambda folder: folder == root / 'b')
  assert found == ['a.jpg', 'day2/c.jpg']


@pytest.mark.skipif(os.geteuid() == 0, reason='Root reads every folder.')
def test_unreadable_folders_are_reported(root):
  (root / 'b').chmod(0)
  try:
    found, (error,) = listing(root)
    assert found == ['a.jpg', 'day2/c.jpg']
    assert error.filename == str(root / 'b')
  finally:
    (root / 'b').chmod(0o700)


def test_errors_of_the_system_are_reported(root, monkeypatch):
  scandir = os.scandir

  def refuse(path):
    if os.path.basename(path) == 'b':
      raise PermissionError(13, 'Permission denied', os.fspath(path))
    return scandir(path)

  monkeypatch.setattr(os, 'scandir', refuse)
  assert listing(root)[1][0].filename == str(root / 'b')
  with pytest.raises(spec.DataError, match='b cannot be read .Permission'):
    list(walk.walk(root, image_trees.refuse_unreadable))


def test_a_missing_root_is_reported(tmp_path):
  found, (error,) = listing(tmp_path / 'gone')
  assert not found and error.filename == str(tmp_path / 'gone')
