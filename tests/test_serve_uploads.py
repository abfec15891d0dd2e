"""Files of visitors of the page, until they are read."""

import asyncio

import pytest

from manloc_jax.serve import analysis
from manloc_jax.serve import refusal
from manloc_jax.serve import uploads


async def chunks(*parts, pause=0.0):
  for part in parts:
    await asyncio.sleep(pause)
    yield part


def store(folder, *parts, length=None, pause=0.0, quota=uploads.QUOTA):
  """Returns what was stored, and its name."""

  async def run():
    kept = uploads.Uploads(folder, quota)
    size = sum(map(len, parts)) if length is None else length
    async with kept.stored(chunks(*parts, pause=pause), size) as path:
      assert path.parent == folder and path.stat().st_mode & 0o777 == 0o600
      return path.read_bytes(), path.name

  try:
    return asyncio.run(run())
  finally:
    assert not [*folder.iterdir()], 'Something was left.'


def test_a_file_has_a_random_name_and_goes(tmp_path):
  (one, name), (other, other_name) = (
      store(tmp_path, b'same', b' file') for _ in range(2)
  )
  assert one == other == b'same file'
  assert name != other_name and len(name) == 32


@pytest.mark.parametrize(
    ('parts', 'length', 'words'),
    [
        ((), 0, 'empty'),
        ((b'abc',), 4, 'cut off'),
        ((b'abc', b'def'), 4, 'cut off'),
        ((b'abc',), analysis.MAX_BYTES + 1, '50 MB'),
    ],
)
def test_other_lengths_are_refused(parts, length, words, tmp_path):
  with pytest.raises(refusal.Refusal, match=words):
    store(tmp_path, *parts, length=length)


def test_a_slow_body_is_cut_off(tmp_path, monkeypatch):
  monkeypatch.setattr(uploads, '_SECONDS', 0.2)
  with pytest.raises(refusal.Refusal, match='too long') as caught:
    store(tmp_path, *[b'a'] * 9, pause=0.1)
  assert caught.value.status == 408


def test_an_aborted_upload_leaves_nothing(tmp_path):
  async def aborted():
    yield b'abc'
    raise ConnectionError

  async def run():
    kept = uploads.Uploads(tmp_path, 4)
    for _ in range(3):
      with pytest.raises(ConnectionError):
        async with kept.stored(aborted(), 4):
          pass
      assert not [*tmp_path.iterdir()]

  asyncio.run(run())


def test_a_time_out_of_the_work_is_not_one_of_the_upload(tmp_path):
  async def run():
    kept = uploads.Uploads(tmp_path)
    with pytest.raises(TimeoutError):
      async with kept.stored(chunks(b'abc'), 3):
        raise TimeoutError

  asyncio.run(run())


def test_all_files_together_have_a_quota_with_room_for_small_ones(
    tmp_path, monkeypatch
):
  monkeypatch.setattr(uploads, '_SMALL', 10)
  monkeypatch.setattr(uploads, '_ROOM', 20)

  async def run():
    kept = uploads.Uploads(tmp_path, 100)
    async with kept.stored(chunks(bytes(80)), 80):
      with pytest.raises(refusal.Refusal, match='Too many files'):
        async with kept.stored(chunks(bytes(11)), 11):
          pass
      async with kept.stored(chunks(bytes(10)), 10) as path:
        assert path.stat().st_size == 10
    async with kept.stored(chunks(bytes(80)), 80):
      pass

  asyncio.run(run())
  assert not [*tmp_path.iterdir()]
