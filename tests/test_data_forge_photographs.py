"""Photographs to forge: what is read, copies, parts of a set, memory."""

import collections

from forged_trees import SIZE
from forged_trees import textured
from PIL import Image
import pytest

from manloc_jax.data import forge
from manloc_jax.data import spec
from manloc_jax.data.forge import photographs as photographs_lib


def test_what_was_reduced_is_not_native(tmp_path, monkeypatch):
  for seed, name in enumerate('ab'):
    Image.fromarray(textured(300, 400, seed)).save(tmp_path / f'{name}.png')
  monkeypatch.setattr(photographs_lib, 'MOST_PIXELS', 300 * 200)
  found, _ = forge.find([tmp_path])
  kinds = set()
  for index in range(12):
    history = forge.generate(found, 0, index, SIZE).history
    kinds |= {'donor'} & history.keys()
    for one in ('host', 'donor'):
      if one in history:
        assert not history[one]['native']
        assert history[one]['scale'] < 0.71, 'of the file'
  assert kinds and set(found.reduced) == {'a.png', 'b.png'}


def test_folders_are_read_and_what_is_none_is_listed(tmp_path):
  for name in ('a', 'b'):
    (tmp_path / name).mkdir()
    Image.fromarray(textured(80, 90, ord(name))).convert('L').save(
        tmp_path / name / 'same.png'
    )
  (tmp_path / 'a' / 'broken.jpg').write_bytes(b'none')
  found, rejected = forge.find([tmp_path / 'a', tmp_path / 'b'])
  assert [one.path.name for one in found.listed] == ['same.png'] * 2
  assert len({one.group for one in found.listed}) == 2
  assert found[0].shape == (80, 90, 3)
  assert [one.path for one in rejected] == [str(tmp_path / 'a' / 'broken.jpg')]


def test_copies_of_a_file_are_one_group(tmp_path):
  for i, name in enumerate('abcdef'):
    Image.fromarray(textured(100, 110, i)).save(tmp_path / f'{name}.png')
  for name, copy in ('ag', 'ch', 'ai'):
    content = (tmp_path / f'{name}.png').read_bytes()
    (tmp_path / f'{copy}.png').write_bytes(content)
  found, _ = forge.find([tmp_path])
  groups = {one.name[0]: one.group[0] for one in found.listed}
  assert groups == dict(zip('abcdefghi', 'abcdefaca', strict=True))
  pair = forge.Photographs([one for one in found.listed if one.group[0] == 'a'])
  kinds = {forge.generate(pair, 0, i, SIZE).manipulation for i in range(12)}
  assert 'splice' not in kinds, 'a copy is no donor'


def test_copies_among_camera_files_share_a_part(test_data):
  found, _ = forge.find([test_data / 'camera_jpegs'])
  by_content = collections.defaultdict(set)
  for seed in range(5):
    for one in forge.assign(found.listed, seed, (0.4, 0.3, 0.3)):
      by_content[seed, one.path.read_bytes()].add(one.split)
  assert len(by_content) < 5 * len(found), 'there are copies'
  assert all(len(parts) == 1 for parts in by_content.values())


def test_memory_is_bounded(packaged):
  bounded = forge.Photographs(packaged.listed, cache_bytes=1_000_000)
  for i in range(len(bounded)):
    bounded[i]
    kept = bounded._kept.values()
    assert len(kept) == 1 or sum(image.nbytes for image in kept) <= 1_000_000


def test_broken_photographs_are_passed_over_and_listed(packaged, tmp_path):
  broken = tmp_path / 'broken.jpg'
  broken.write_bytes(packaged.listed[0].path.read_bytes()[:2000])
  bad = forge.Photograph(broken, 'broken', 'broken')
  listed = [*packaged.listed[:2], bad, *packaged.listed[2:]]
  photographs = forge.Photographs(listed)
  for index in range(12):
    made = forge.generate(photographs, 0, index, SIZE)
    assert 'broken' not in made.history['photographs'].values()
  assert list(photographs.rejected) == ['broken']
  # What was read before makes no difference.
  again = forge.generate(forge.Photographs(listed), 0, 11, SIZE)
  assert again.file == made.file
  with pytest.raises(spec.DataError, match='None of 1 photographs'):
    forge.generate(forge.Photographs([bad]), 0, 0, SIZE)


def test_groups_are_not_divided(packaged):
  listed = [
      forge.Photograph(one.path, f'{i}', f'{i // 2}')
      for i, one in enumerate([*packaged.listed] * 3)
  ]
  parts = {}
  for one in forge.assign(listed, 0, (0.5, 0.25, 0.25)):
    assert parts.setdefault(one.group, one.split) == one.split
  assert set(parts.values()) == set(spec.SPLITS)
  fixed = forge.packaged().listed
  assert forge.assign(fixed, 0, (0.5, 0.25, 0.25)) == fixed
