"""`manloc examine --pdf`, with false browsers and a real one."""

import json
import os
import shutil
import sys

import pytest
import specimens

from manloc_jax import cli
from manloc_jax.examine import pdf
from manloc_jax.localization import factory

# Prints its page as if it were a PDF file, and notes how it was called.
PRINT = """
for argument in sys.argv[1:]:
  if argument.startswith('--print-to-pdf='):
    pathlib.Path(argument.split('=', 1)[1]).write_text('%PDF ' + sys.argv[-1])
"""
REFUSE = """
if '--no-sandbox' not in sys.argv:
  sys.exit('Running as root without --no-sandbox is not supported.')
"""
FAIL = "sys.exit('No display here.\\n\\x1b[31mIt is broken')"
HANG = """
import subprocess, time
child = subprocess.Popen(['/bin/sleep', '600'])
pathlib.Path(NOTES).with_name('child').write_text(str(child.pid))
time.sleep(600)
"""


@pytest.fixture
def browser(tmp_path, monkeypatch):
  """Puts a false browser on the path; returns how it was called, when asked."""
  folder = tmp_path / 'bin'
  folder.mkdir()
  notes = tmp_path / 'notes.txt'
  monkeypatch.setenv('PATH', str(folder))

  def make(body: str, name: str = 'chromium'):
    program = folder / name
    program.write_text(
        f'#!{sys.executable}\nimport json, pathlib, sys\n'
        f'NOTES = {str(notes)!r}\n'
        'with open(NOTES, "a") as file:\n'
        '  file.write(json.dumps(sys.argv[1:]) + "\\n")\n' + body
    )
    program.chmod(0o755)
    return lambda: [*map(json.loads, notes.read_text().splitlines())]

  return make


@pytest.fixture
def command(tmp_path, capsys, monkeypatch):
  """Runs the command on a file; returns exit code, lines and standard error."""
  monkeypatch.setattr(factory, 'make', lambda **_: specimens.Localizer())
  (tmp_path / 'a b#.jpg').write_bytes(specimens.jpeg())

  def run(*options):
    out = f'--out={tmp_path / "out"}'
    code = cli.main(['examine', f'{tmp_path}/a b#.jpg', out, *options])
    printed = capsys.readouterr()
    return code, [*map(json.loads, printed.out.splitlines())], printed.err

  return run


def test_a_report_is_printed_once(command, browser, tmp_path):
  calls = browser(PRINT)
  code, (line,), _ = command('--pdf')
  assert code == 0 and line['pdf'] == 'a b#.jpg.report.pdf'
  path = tmp_path / 'out' / line['pdf']
  address = (tmp_path / 'out' / line['report']).as_uri()
  assert path.read_text() == f'%PDF {address}'
  (options,) = calls()
  assert '--host-resolver-rules=MAP * ~NOTFOUND' in options
  assert '--headless' in options and '--no-sandbox' not in options
  (profile,) = (o for o in options if o.startswith('--user-data-dir='))
  assert not os.path.exists(profile.split('=')[1])
  assert command('--pdf')[1][0]['skipped'] and len(calls()) == 1
  path.unlink()  # As if it had been killed, or --pdf were new.
  assert command('--pdf')[1][0]['skipped'] and path.is_file()
  assert 'pdf' not in command()[1][0]


def test_a_new_report_is_printed_anew(command, browser, tmp_path):
  calls = browser(PRINT)
  command('--pdf')
  (tmp_path / 'a b#.jpg').write_bytes(specimens.jpeg(quality=40))
  assert command()[0] == 0
  assert not [*(tmp_path / 'out').glob('*.pdf')], 'It would be of other bytes.'
  command('--pdf')
  assert len(calls()) == 2


def test_a_browser_without_a_sandbox_is_asked_again(command, browser):
  calls = browser(REFUSE + PRINT, 'google-chrome')
  assert command('--pdf')[0] == 0
  assert ['--no-sandbox' in call for call in calls()] == [False, True]


def test_a_browser_that_fails_is_a_sentence(command, browser, tmp_path):
  calls = browser(FAIL)
  code, (line,), err = command('--pdf')
  assert code == 2 and 'could not be printed' in line['error']
  assert 'It is broken' in err and '\x1b' not in err and len(calls()) == 1
  # What could be done is done.
  assert (tmp_path / 'out' / 'a b#.jpg.report.json').is_file()


def test_a_browser_that_hangs_is_ended_with_its_children(
    command, browser, tmp_path, monkeypatch
):
  browser(HANG)
  monkeypatch.setattr(pdf, '_SECONDS', 2)
  code, (line,), _ = command('--pdf')
  assert code == 2 and 'more than 2 seconds' in line['error']
  child = (tmp_path / 'child').read_text()
  state = f'/proc/{child}/stat'
  if os.path.exists(state):  # Nobody may have asked how it ended.
    with open(state) as file:
      assert file.read().split()[2] == 'Z'


def test_no_browser_is_said_before_any_work(command, tmp_path, monkeypatch):
  monkeypatch.setenv('PATH', str(tmp_path))
  monkeypatch.setattr(factory, 'make', lambda **_: pytest.fail('loaded'))
  code, lines, err = command('--pdf')
  assert code == 2 and not lines and not (tmp_path / 'out').exists()
  assert err.count('\n') == 1 and 'leave --pdf out' in err


@pytest.mark.slow
def test_a_real_browser_prints(command, tmp_path):
  if not any(map(shutil.which, pdf.PROGRAMS)):
    pytest.skip('No Chromium is installed.')
  code, (line,), err = command('--pdf')
  assert code == 0, err
  data = (tmp_path / 'out' / line['pdf']).read_bytes()
  assert data.startswith(b'%PDF') and b'%%EOF' in data[-32:]
  assert len(data) > 20_000, 'It holds the pictures.'
