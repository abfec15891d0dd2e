"""Maps are paired with their images by name, never by order."""

import numpy as np
import pytest

from manloc_jax.data import spec
from manloc_jax.evaluation import map_folder

SIZE = (8, 12)


def pair(tmp_path, images, maps) -> dict[str, str | None]:
  """Returns the value of the map of each image; None if there is none."""
  root, folder = tmp_path / 'set', tmp_path / 'maps'
  records = [
      spec.Record(str(i), root / name, None, name, 'none')
      for i, name in enumerate(images)
  ]
  for i, name in enumerate(maps):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.full(SIZE, i, np.float32)
    if path.suffix == '.npz':
      np.savez(path, map=array)
    else:
      with path.open('wb') as file:
        np.save(file, array)
  given = map_folder.GivenMaps(folder, records, root)
  found = {}
  for name in images:
    try:
      found[name] = maps[int(given.localize(root / name, SIZE).raw[0, 0])]
    except spec.DataError as error:
      assert str(root / name) in str(error)
      found[name] = None
  found['unused'] = given.unused
  return found


@pytest.mark.parametrize(
    ('image', 'name'),
    [
        ('a/x.jpg', 'a/x.npy'),
        ('a/x.jpg', 'a/x.jpg.npz'),
        ('a/x.jpg', 'a/x.jpg.heat.npz'),
        ('a/x.jpg', 'a/x.heat.npy'),
        ('a/x.jpg', 'x.npy'),
        ('a/x.jpg', 'other/X.NPY'),
        ('a/x.y.jpg', 'x.y.npy'),
        ('x.TIF', 'x.npy'),
    ],
)
def test_names(image, name, tmp_path):
  assert pair(tmp_path, [image], [name, 'stranger.npy']) == {
      image: name,
      'unused': 1,
  }


def test_folders_tell_images_of_one_name_apart(tmp_path):
  names = ['a/x.jpg', 'b/x.jpg']
  assert pair(tmp_path, names, ['b/x.npy', 'a/x.npy']) == {
      'a/x.jpg': 'a/x.npy', 'b/x.jpg': 'b/x.npy', 'unused': 0
  }  # fmt: skip


@pytest.mark.parametrize(
    ('images', 'maps'),
    [
        (['a/x.jpg', 'b/x.jpg'], ['x.npy']),  # Of which one is it?
        (['x.jpg', 'x.png'], ['x.npy']),
        (['x.jpg'], ['x.npy', 'x.npz']),
        (['x.jpg'], ['x.npy', 'x.jpg.npy']),
        (['a/x.jpg'], ['b/x.npy', 'c/x.npy']),
        (['x.jpg'], ['y.npy', 'xx.npy']),
    ],
)
def test_what_is_not_clear_is_left_out(images, maps, tmp_path):
  found = pair(tmp_path, images, maps)
  assert {found[name] for name in images} == {None}


def test_suffixes_tell_images_of_one_stem_apart(tmp_path):
  maps = ['x.png.npy', 'x.jpg.npy']
  found = pair(tmp_path, ['x.jpg', 'x.png'], maps)
  assert found['x.jpg'] == 'x.jpg.npy' and found['x.png'] == 'x.png.npy'


def test_folders_without_maps_are_refused(tmp_path):
  (tmp_path / 'maps').mkdir()
  (tmp_path / 'maps/notes.txt').write_text('')
  with pytest.raises(spec.DataError, match='no map in'):
    map_folder.find(tmp_path / 'maps')
  with pytest.raises(spec.DataError, match='check --maps'):
    map_folder.find(tmp_path / 'nowhere')
