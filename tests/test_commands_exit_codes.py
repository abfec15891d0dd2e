"""How commands end: closed and full output, signals, errors of the system."""

import errno
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
from PIL import Image
import pytest
import studies
import trees

from manloc_jax import errors
from manloc_jax.commands import exit_codes
from manloc_jax.commands import interrupts

ROOT = pathlib.Path(__file__).parents[1]
FULL = pathlib.Path('/dev/full')


@pytest.fixture(autouse=True)
def handled_interrupts():
  """Lets commands see Ctrl-C, also where tests run in the background."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


def start(*arguments, module='cli', unbuffered='', **options):
  return subprocess.Popen(
      [sys.executable, '-m', f'manloc_jax.{module}', *map(str, arguments)],
      cwd=ROOT,
      env={
          **os.environ,
          'JAX_PLATFORMS': 'cpu',
          'PYTHONUNBUFFERED': unbuffered,
      },
      stderr=subprocess.PIPE,
      text=True,
      **options,
  )


def begin(code, **options):
  """Starts code; returns its process once it has printed a line."""
  process = subprocess.Popen(
      [sys.executable, '-c', code],
      cwd=ROOT,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      **options,
  )
  process.stdout.readline()
  return process


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Holds a tree, an image and an evaluated run."""
  folder = tmp_path_factory.mktemp('inputs')
  trees.casia1(folder / 'tree', forged=16)
  pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
  Image.fromarray(pixels).save(folder / 'image.png')
  studies.write_run(
      folder,
      *('lstm-64h', 0, 0.7),
      dataset='demo',
      change=lambda result: result.update(by_manipulation={}),
  )
  return folder


# Module and arguments; {0} holds inputs and {1} takes outputs.
COMMANDS = {
    'help': ['cli', '--help'],
    'help of a command': ['cli', 'sweep', '--help'],
    'help of main': ['main', '--help'],
    'audit': ['cli', 'audit', 'casia1', '{0}/tree', '--names_only'],
    'audit as JSON': [
        *('cli', 'audit', 'casia1', '{0}/tree', '--names_only', '--json=-'),
    ],
    'split': ['cli', 'split', 'casia1', '{0}/tree', '--out={1}/split.json'],
    'localize': [
        *('cli', 'localize', '{0}/image.png', '--method=ela', '--out={1}/out'),
    ],
    'report': ['cli', 'report', '{0}/demo-lstm-64h-0'],
    'sweep': ['cli', 'sweep', 'casia', '--list'],
    'report of main': [
        *('main', '--config=configs/demo.py', '--mode=report'),
        '--workdir={0}/demo-lstm-64h-0',
    ],
}
# Help fits into a buffer, which is written at the end; a table may not.
UNBUFFERED = [('', name) for name in COMMANDS] + [
    ('1', 'help'),
    ('1', 'audit'),
]


def run(name, unbuffered, folder, tmp_path, stdout):
  module, *arguments = [w.format(folder, tmp_path) for w in COMMANDS[name]]
  process = start(
      *arguments, module=module, unbuffered=unbuffered, stdout=stdout
  )
  _, error = process.communicate()
  for words in ('Traceback', 'ignored', 'BrokenPipe', 'Errno'):
    assert words not in error, error
  return process.returncode, error


@pytest.mark.parametrize('unbuffered, name', UNBUFFERED)
def test_a_reader_that_leaves_ends_the_command_quietly(
    unbuffered, name, folder, tmp_path
):
  ours, theirs = os.pipe()
  os.close(ours)
  try:
    code, _ = run(name, unbuffered, folder, tmp_path, theirs)
  finally:
    os.close(theirs)
  assert code == exit_codes.READER_LEFT


@pytest.mark.skipif(not FULL.exists(), reason='there is no /dev/full')
@pytest.mark.parametrize('unbuffered, name', UNBUFFERED)
def test_output_that_cannot_be_written_is_told(
    unbuffered, name, folder, tmp_path
):
  with FULL.open('w') as full:
    code, error = run(name, unbuffered, folder, tmp_path, full)
  assert code == exit_codes.IMPOSSIBLE
  assert error.splitlines()[-1] == (
      'The output cannot be written: No space left on device; free some space,'
      ' or send it elsewhere.'
  )


def test_output_that_nobody_wants_is_no_error(folder, tmp_path):
  command = f'{sys.executable} -m manloc_jax.cli split casia1 {folder}/tree'
  done = subprocess.run(
      ['sh', '-c', f'{command} --out={tmp_path}/split.json >&-'],
      cwd=ROOT,
      capture_output=True,
      text=True,
  )
  assert done.returncode == 0 and not done.stderr
  assert (tmp_path / 'split.json').exists()


def stop(process, seconds, number=signal.SIGINT, alone=False):
  """Sends a signal as a terminal does; returns what the command says.

  Args:
    process: The command, in a session of its own.
    seconds: When the signal is sent.
    number: The signal.
    alone: Whether its workers are spared, as by `kill`.
  """
  time.sleep(seconds)
  (os.kill if alone else os.killpg)(process.pid, number)
  _, error = process.communicate(timeout=60)
  assert process.returncode == interrupts.exit_code(number), error
  for words in ('Traceback', 'KeyboardInterrupt', 'leaked'):
    assert words not in error, error
  return error.splitlines()[-1]


# While it is imported, while workers start and while they work.
@pytest.mark.parametrize('seconds', [0.5, 1.0, 3.0])
@pytest.mark.parametrize(
    'number, alone',
    [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGTERM, True)],
)
def test_signals_with_workers(seconds, number, alone, tmp_path):
  process = start(
      *('forge', '--count=20000', f'--out={tmp_path}/forged', '--workers=2'),
      stdout=subprocess.DEVNULL,
      start_new_session=True,
  )
  assert stop(process, seconds, number, alone).startswith('Stopped. ')


CHILDREN = 'task/{0}/children'  # Below the folder of a process.


@pytest.mark.skipif(
    not pathlib.Path('/proc/self', CHILDREN.format(os.getpid())).exists(),
    reason='The system does not list child processes.',
)
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('workers', [1, 2, 1, 2])
def test_signals_while_workers_start(number, workers, tmp_path):
  process = start(
      *('forge', '--count=20000', f'--out={tmp_path}/forged', '--workers=2'),
      stdout=subprocess.DEVNULL,
      start_new_session=True,
  )
  children = pathlib.Path('/proc', str(process.pid))
  children /= CHILDREN.format(process.pid)
  # The first is the tracker of resources.
  while len(children.read_text().split()) <= workers:
    assert process.poll() is None
  assert stop(process, 0, number).startswith('Stopped. ')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_compiled_code_that_does_not_return_is_not_waited_for(number):
  code = """
import hashlib
from manloc_jax.commands import exit_codes, interrupts

interrupts._GRACE_SECONDS = 0.5
print('begins', flush=True)
work = lambda: hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)
exit_codes.run(work, lambda: 'It is gone.')
"""
  process = begin(code)
  try:
    assert stop(process, 0.5, number, alone=True) == 'Stopped. It is gone.'
  finally:
    process.kill()


def test_a_thread_that_fails_because_of_the_signal_is_not_shown():
  code = """
import subprocess
import sys
import threading
from manloc_jax.commands import exit_codes

def work():
  worker = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1)
  thread = threading.Thread(target=lambda: worker.wait() / 0)
  thread.start()
  print('begins', flush=True)
  try:
    threading.Event().wait()
  finally:
    thread.join()

exit_codes.run(work, lambda: 'It is gone.')
"""
  process = begin(code, start_new_session=True)
  assert stop(process, 0.5, signal.SIGTERM) == 'Stopped. It is gone.'


def test_a_job_in_the_background_ignores_ctrl_c(tmp_path):
  ignore = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)
  process = start(
      *('forge', '--count=20000', f'--out={tmp_path}/forged', '--workers=2'),
      stdout=subprocess.DEVNULL,
      start_new_session=True,
      preexec_fn=ignore,
  )
  time.sleep(1)
  os.killpg(process.pid, signal.SIGINT)
  assert stop(process, 1, signal.SIGTERM).startswith('Stopped. ')


@pytest.mark.slow
def test_ctrl_c_in_training(folder, tmp_path):
  """SIGTERM saves first: test_training_preemption.py."""
  command = [
      '--config=configs/casia.py',
      f'--config.data.root={folder}/tree',
      f'--config.data.prepared={tmp_path}/prepared',
      f'--workdir={tmp_path}/run',
      '--config.model.lstm_hidden=(8, 8, 64)',
      '--config.batch_size=8',
      '--config.train.log_every_steps=1',
  ]
  process = start(
      *command, module='main', stdout=subprocess.DEVNULL, start_new_session=True
  )
  for line in process.stderr:
    if line.startswith('First step'):
      break
  assert stop(process, 0.5, signal.SIGINT) == (
      'Stopped. The same command goes on from the last checkpoint.'
  )


def raise_(error):
  raise error


@pytest.mark.parametrize(
    'error, words',
    [
        (errors.UserError('No such thing.'), 'No such thing.'),
        (errors.UserError('No file a\nb.'), 'No file a\\nb.'),
        (PermissionError(errno.EACCES, 'Denied', '/x'), '/x: Denied.'),
        (PermissionError(errno.EACCES, 'Denied', b'/x'), '/x: Denied.'),
        (OSError(errno.ENOSPC, 'No space left on device'), 'disk is full'),
        (MemoryError('Unable to allocate 3 GiB'), 'not enough memory; free'),
        (RuntimeError('RESOURCE_EXHAUSTED: 9'), 'not enough memory; free'),
        (errors.MissingMemory('to read a.png'), 'memory to read a.png; free'),
        (SystemExit('Words.'), 'Words.'),
    ],
)
def test_sentences(error, words, capsys):
  code = exit_codes.run(lambda: raise_(error), lambda: '')
  assert code == exit_codes.IMPOSSIBLE
  (line,) = capsys.readouterr().err.splitlines()
  assert words in line


def test_bugs_show_their_traceback():
  for error in (ValueError('a bug'), OSError(errno.EBADF, 'a bug')):
    with pytest.raises(type(error), match='a bug'):
      exit_codes.run(lambda error=error: raise_(error), lambda: '')


def test_exit_codes_pass():
  for code in (None, 0, 1):
    assert exit_codes.run(lambda code=code: code, lambda: '') == (code or 0)
  assert exit_codes.run(lambda: sys.exit(2), lambda: '') == 2
