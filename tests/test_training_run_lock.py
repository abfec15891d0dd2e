"""Two processes in one run's folder."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading

import pytest

from manloc_jax import errors
from manloc_jax.training import run_lock

ROOT = pathlib.Path(__file__).parents[1]
HOLD = """
import sys, time
from manloc_jax.training import run_lock
with run_lock.hold(sys.argv[1]):
  print('held', flush=True)
  time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
  """Another process that works in the folder."""
  process = subprocess.Popen(
      [sys.executable, '-c', HOLD, str(tmp_path)],
      env={**os.environ, 'PYTHONPATH': str(ROOT)},
      stdout=subprocess.PIPE,
      text=True,
  )
  assert process.stdout.readline() == 'held\n'
  yield process
  process.kill()
  process.wait()


def test_a_second_process_is_refused_until_the_first_is_killed(
    holder, tmp_path
):
  match = f'Process {holder.pid} of the host {socket.gethostname()} works in'
  with pytest.raises(errors.UserError, match=match):
    with run_lock.hold(tmp_path):
      pass
  holder.send_signal(signal.SIGKILL)
  holder.wait()
  with run_lock.hold(tmp_path):
    content = json.loads((tmp_path / run_lock.FILE).read_text())
    assert content == {'host': socket.gethostname(), 'pid': os.getpid()}


def test_a_run_is_refused_in_a_folder_at_work(holder, tmp_path):
  command = [sys.executable, '-m', 'manloc_jax.main']
  command += ['--config=configs/demo.py', f'--workdir={tmp_path}']
  done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
  assert done.returncode == 2
  assert f'Process {holder.pid} of' in done.stderr
  assert 'Traceback' not in done.stderr
  assert os.listdir(tmp_path) == [run_lock.FILE]


def test_the_lock_of_another_host_holds_while_it_is_renewed(
    tmp_path, monkeypatch
):
  monkeypatch.setattr(run_lock, '_LOOK', 0.01)
  path = tmp_path / run_lock.FILE
  path.write_text(json.dumps({'host': 'elsewhere', 'pid': 7}))
  renewal = threading.Timer(0.2, os.utime, [path])
  renewal.start()
  with pytest.raises(errors.UserError, match='Process 7 of the host elsewhere'):
    with run_lock.hold(tmp_path):
      pass
  renewal.join()


def test_a_lock_of_another_host_that_was_killed_is_waited_for(
    tmp_path, monkeypatch, capsys
):
  monkeypatch.setattr(run_lock, '_LOOK', 0.01)
  monkeypatch.setattr(run_lock, 'STALE', 0.2)
  path = tmp_path / run_lock.FILE
  path.write_text(json.dumps({'host': 'elsewhere', 'pid': 7}))
  ahead = path.stat().st_mtime + 1e6  # The clock was set back.
  os.utime(path, (ahead, ahead))
  with run_lock.hold(tmp_path):
    assert json.loads(path.read_text())['pid'] == os.getpid()
  assert 'waiting for up to' in capsys.readouterr().err
  # Who has ended holds nothing, on any host.
  assert path.read_text() == ''
  assert os.listdir(tmp_path) == [run_lock.FILE]


def test_the_time_is_renewed(tmp_path, monkeypatch):
  monkeypatch.setattr(run_lock, 'RENEWED', 0.01)
  path = tmp_path / run_lock.FILE
  with run_lock.hold(tmp_path):
    os.utime(path, (0, 0))
    deadline = 10 + os.times().elapsed
    while not path.stat().st_mtime and os.times().elapsed < deadline:
      pass
    assert path.stat().st_mtime > 0


@pytest.mark.parametrize('content', ['{', '[1]', '\x00' * 2000, '{"pid": 3}'])
def test_a_file_that_is_none_of_ours_holds_nothing(tmp_path, content):
  path = tmp_path / run_lock.FILE
  path.write_text(content)
  old = path.stat().st_mtime - run_lock.STALE - 1
  os.utime(path, (old, old))
  with run_lock.hold(tmp_path):
    assert json.loads(path.read_text())['pid'] == os.getpid()


def test_links_and_pipes_are_refused(tmp_path):
  (tmp_path / 'target').write_text('kept')
  (tmp_path / run_lock.FILE).symlink_to(tmp_path / 'target')
  with pytest.raises(OSError):
    with run_lock.hold(tmp_path):
      pass
  assert (tmp_path / 'target').read_text() == 'kept'
  (tmp_path / run_lock.FILE).unlink()
  os.mkfifo(tmp_path / run_lock.FILE)
  with pytest.raises(errors.UserError, match='no file'):
    with run_lock.hold(tmp_path):
      pass


def test_no_pipe_is_waited_for(tmp_path):
  os.mkfifo(tmp_path / run_lock.FILE)
  assert run_lock.holder(tmp_path) is None
