"""`manloc examine` goes on where it was killed."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import specimens

ROOT = pathlib.Path(__file__).parents[1]
COUNT = 12
WAIT = 300  # Seconds; machines are busy.

pytestmark = pytest.mark.slow


def start(folder: pathlib.Path, out: str) -> subprocess.Popen:
  return subprocess.Popen(
      [
          sys.executable, '-m', 'manloc_jax.cli', 'examine', 'files',
          f'--out={out}', '--device=cpu',
      ],
      cwd=folder,
      env={**os.environ, 'PYTHONPATH': str(ROOT)},
      stdout=subprocess.PIPE,
      stderr=subprocess.DEVNULL,
      text=True,
  )  # fmt: skip


def finish(process: subprocess.Popen) -> list[dict]:
  """Waits for a command; returns the lines that it has printed."""
  printed, _ = process.communicate(timeout=WAIT)
  assert process.returncode == 0
  return [*map(json.loads, printed.splitlines())]


def contents(out: pathlib.Path) -> dict[str, str]:
  """Returns what was written, without the times of the reports."""
  texts = {
      path.relative_to(out).as_posix(): path.read_text()
      for path in out.rglob('*')
      if path.is_file()
  }
  for name, text in list(texts.items()):
    if name.endswith('.report.json'):
      told = json.loads(text)['time']
      page = name.replace('.json', '.html')
      assert told in texts[page]
      texts[name] = text.replace(told, 'TIME')
      texts[page] = texts[page].replace(told, 'TIME')
  summary = json.loads(texts['summary.json'])
  texts['summary.json'] = json.dumps({**summary, 'skipped': 0})
  return texts


def test_a_killed_command_goes_on_and_ends_like_an_unbroken_one(tmp_path):
  files = tmp_path / 'files'
  (files / 'below').mkdir(parents=True)
  for i in range(COUNT):
    picture = specimens.photograph(160, seed=i)
    data = specimens.jpeg(picture) if i % 2 else specimens.png({'i': str(i)})
    name = f'{"below/" if i % 3 == 0 else ""}{i:02}.{"jpg" if i % 2 else "png"}'
    (files / name).write_bytes(data)

  killed = start(tmp_path, 'killed')
  out = tmp_path / 'killed'
  end = time.monotonic() + WAIT
  while len([*out.rglob('*.report.json')]) < 3:
    assert time.monotonic() < end and killed.poll() is None
    time.sleep(0.01)
  killed.send_signal(signal.SIGKILL)
  killed.communicate()
  done = len([*out.rglob('*.report.json')])
  assert 3 <= done < COUNT and not (out / 'index.html').exists()

  lines = finish(start(tmp_path, 'killed'))
  assert sum(line['skipped'] for line in lines) == done
  finish(start(tmp_path, 'whole'))
  left = [path for path in out.rglob('*.tmp')]
  assert len(left) <= 1, 'of the report that was being written'
  for path in left:
    path.unlink()
  resumed, whole = contents(out), contents(tmp_path / 'whole')
  assert resumed.keys() == whole.keys()
  assert sum(name.endswith('.report.json') for name in whole) == COUNT
  for name, text in whole.items():
    assert resumed[name] == text, name
  index = resumed['index.html']
  for line in lines:
    assert index.count(f'"./{line["report"]}"') == 1
