"""`manloc serve` without a server: words of the page, refusals."""

import errno
import re
import socket
import tempfile

import pytest

from manloc_jax import cli
from manloc_jax.commands import serve
from manloc_jax.serve import samples
from manloc_jax.serve import server
from manloc_jax.serve import texts

RECORD = {
    'image': 'a.png', 'width': 9, 'height': 4000, 'seconds': 1, 'note': '',
    'orientation': 1, 'image_score': 0.125, 'threshold': 0.5,
    'manipulated_share': 0.25, 'region_count': 1234, 'regions': [],
    'unmeasurable_share': 0.031, 'limits': ['Little is left'],
}  # fmt: skip


def test_the_page_is_whole_and_its_facts_are_text():
  page = texts.page({'weights': '<img src=x onerror=alert(1)>'}, 0.5474)
  assert '<img src=x' not in page and '&lt;img src' in page
  assert '50 MB' in page and 'data-value="0.55"' in page
  assert '$' not in page
  assert not re.findall(r'(?:src|href)="(?!/static/)', page)
  assert not re.findall(r' (?:style|on[a-z]+)=|<script>|<style>', page)


def test_the_script_sets_text_and_no_html():
  for name in ('page.js', 'tabs.js'):
    script = (texts._PAGE.parent / name).read_text()
    assert not re.findall(
        r'(inner|outer)HTML|insertAdjacent|eval|write|srcdoc', script
    )


def test_the_page_says_what_a_probability_is_worth():
  page = ' '.join(texts.page({}, 0.5).split())
  assert 'Without calibrated weights it is no probability' in page
  assert 'A low one does not say that the photograph is authentic' in page


@pytest.mark.parametrize(
    ('name', 'shown'),
    [
        ('a.png', 'a.png'),
        ('Überholt 中.jpg', 'Überholt 中.jpg'),
        ('../../etc/passwd', 'passwd'),
        ('C:\\photos\\a.png', 'a.png'),
        ('photo\u202egpj.exe', 'photo\ufffdgpj.exe'),
        ('a\u2066\u200b\u00a0b\r\n\0\x1b[31m.png', None),
        ('\ud800.png', '\ufffd.png'),
        ('', 'photograph'),
        ('/', 'photograph'),
        ('x' * 5000 + '.png', 'x' * 116 + '.png'),
        ('<b>$a{0}%s', '<b>$a{0}%s'),
    ],
)
def test_names_of_strangers_are_shown_as_they_look(name, shown):
  made = texts.shown_name(name)
  assert shown in (made, None)
  assert all(c.isprintable() for c in made) and len(made) <= 120


def test_numbers_in_words():
  summary = texts.summary(RECORD)
  assert summary['name'] == 'a.png'
  assert summary['notes'] == '9 x 4000 pixels; scored in 1.0 s; Little is left'
  tiles = ['0.12', '0.50', '25.0%', '1,234', '3.1%']
  assert [*summary['tiles'].values()] == tiles
  assert 'image score' in summary['tiles']
  told = {**RECORD, 'image_score_is_probability': True}
  assert 'probability of a forgery' in texts.summary(told)['tiles']
  regions = texts.regions(RECORD)
  assert 'no proof' in regions['sentence'] and not regions['rows']
  region = {'left': 1, 'top': 2, 'width': 3, 'height': 4, 'pixels': 12}
  regions = texts.regions({**RECORD, 'regions': [region]})
  assert regions['rows'] == [['1', '1, 2', '3 x 4', '12', '< 0.1%']]
  assert regions['headline'] == 'Regions, the 1 largest'


def test_samples_are_the_same_every_time(tmp_path):
  for name in 'ab':
    (tmp_path / name).mkdir()
  first, again = (samples.make(tmp_path / name) for name in 'ab')
  assert [s.caption for s in first] == [s.caption for s in again]
  assert 'Untouched' in {s.caption for s in first}
  for one, other in zip(first, again, strict=True):
    assert one.path.read_bytes() == other.path.read_bytes()


def refusal(capsys, *arguments) -> str:
  assert cli.main(['serve', *arguments]) == 2
  err = capsys.readouterr().err
  assert err.count('\n') == 1
  return err


def test_refusals_of_the_command(tmp_path, capsys, monkeypatch):
  assert '70000' in refusal(capsys, '--port=70000')
  assert 'nan' in refusal(capsys, '--time_limit=nan')
  run = f'--workdir={tmp_path}'
  with monkeypatch.context() as patch:
    patch.setattr(serve.importlib.util, 'find_spec', lambda name: None)
    assert "pip install '.[serve]'" in refusal(capsys, run)
  monkeypatch.setattr(serve.importlib.util, 'find_spec', lambda name: True)
  with socket.create_server(('127.0.0.1', 0)) as taken:
    port = taken.getsockname()[1]
    err = refusal(capsys, run, f'--port={port}')
    assert f'Port {port} of 127.0.0.1 is taken' in err
  assert 'nowhere' in refusal(capsys, run, '--host=nowhere.invalid')
  assert str(tmp_path) in refusal(capsys, run, '--port=0')  # No run is there.


def test_a_missing_temporary_folder_is_found_before_weights_are_loaded(
    capsys, monkeypatch
):
  def fail(*unused, **options):
    raise FileNotFoundError(errno.ENOENT, 'No usable temporary directory found')

  monkeypatch.setattr(serve.importlib.util, 'find_spec', lambda name: True)
  monkeypatch.setattr(tempfile, 'TemporaryDirectory', fail)
  monkeypatch.setattr(server, 'serve', lambda *unused: pytest.fail('loaded'))
  assert 'set TMPDIR' in refusal(capsys, '--port=0')
