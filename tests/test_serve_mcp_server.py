"""`manloc mcp`: which files may be read, answers, and the SDK's own client."""

import asyncio
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from ramp import Ramp
import specimens

from manloc_jax import cli
from manloc_jax import errors
from manloc_jax.examine import report as report_lib
from manloc_jax.localization import factory
from manloc_jax.serve import allowed_folders
from manloc_jax.serve import mcp_server

ROOT = pathlib.Path(__file__).parents[1]
OUTSIDE = 'is outside of what may be read'


@pytest.fixture
def tree(tmp_path):
  """Two folders that may be read, and one that may not."""
  for name in ('photos/below', 'more', 'photos-secret', 'out'):
    (tmp_path / name).mkdir(parents=True)
  for name in ('photos/a.jpg', 'photos/below/b.jpg', 'more/c.jpg'):
    (tmp_path / name).write_bytes(specimens.jpeg())
  (tmp_path / 'photos-secret/s.jpg').write_bytes(specimens.jpeg())
  return tmp_path


@pytest.fixture
def allowed(tree):
  return allowed_folders.AllowedFolders(
      [str(tree / 'photos'), str(tree / 'more')]
  )


def test_names_inside_are_found_and_named_without_repetition(allowed, tree):
  for name, want in (
      ('a.jpg', 'photos/a.jpg'),
      ('below/b.jpg', 'photos/below/b.jpg'),
      ('below/../a.jpg', 'photos/a.jpg'),
      ('c.jpg', 'more/c.jpg'),
      ('../more/c.jpg', 'more/c.jpg'),
      (f'{tree}/photos/a.jpg', 'photos/a.jpg'),
  ):
    found = allowed.find(name)
    assert found.name == want
    assert found.path == pathlib.Path(os.path.realpath(tree / want))


@pytest.mark.parametrize(
    'name',
    [
        '/etc/passwd', '../photos-secret/s.jpg', '../none.jpg', '/', '..',
        'below/../../photos-secret/s.jpg', '../photos-secret/none.jpg',
        '{tree}/photos-secret/s.jpg', '{tree}/photos/../photos-secret/s.jpg',
        '/proc/self/root{tree}/photos-secret/s.jpg', '/proc/self/environ',
    ],
)  # fmt: skip
def test_what_is_outside_is_refused_whether_it_exists_or_not(
    allowed, tree, name
):
  with pytest.raises(errors.UserError, match=OUTSIDE) as caught:
    allowed.find(name.format(tree=tree))
  assert str(caught.value).endswith(f'{tree}/photos, {tree}/more.')


def test_links_out_are_refused_and_links_inside_are_followed(allowed, tree):
  links = {
      'out.jpg': tree / 'photos-secret' / 's.jpg',
      'gone.jpg': tree / 'photos-secret' / 'none.jpg',
      'folder': tree / 'photos-secret',
      'in.jpg': tree / 'more' / 'c.jpg',
      'twice.jpg': 'out.jpg',
  }
  for name, target in links.items():
    (tree / 'photos' / name).symlink_to(target)
  for name in ('out.jpg', 'gone.jpg', 'folder/s.jpg', 'twice.jpg'):
    with pytest.raises(errors.UserError, match=OUTSIDE):
      allowed.find(name)
  assert allowed.find('in.jpg').name == 'more/c.jpg'


def test_an_allowed_folder_may_be_a_link(tree):
  (tree / 'link').symlink_to('photos')
  allowed = allowed_folders.AllowedFolders([str(tree / 'link')])
  assert allowed.find('a.jpg').name == 'a.jpg'
  assert allowed.find(f'{tree}/link/a.jpg').name == 'a.jpg'


@pytest.mark.parametrize(
    'name', ['', '.', 'none.jpg', 'below', 'a\0.jpg', '\ud800', 'x' * 99_999]
)
def test_no_file_gets_one_sentence(allowed, name):
  with pytest.raises(errors.UserError) as caught:
    allowed.find(name)
  text = str(caught.value)
  assert text.isprintable() and len(text) < 1000
  assert 'is no file' in text or 'is no path' in text


def test_pipes_are_not_waited_for(allowed, tree):
  os.mkfifo(tree / 'photos' / 'pipe.jpg')
  with pytest.raises(errors.UserError, match='is no file'):
    allowed.find('pipe.jpg')


@pytest.fixture
def make(allowed):
  """Makes tools with a localizer that tells how often it was made."""

  def run(out=None):
    made = []

    def load():
      made.append(1)
      return Ramp()

    return mcp_server.Tools(allowed, load, out), made

  return run


def test_answers_hold_facts_and_no_pixels(make, tree):
  jsonschema = pytest.importorskip('jsonschema')
  before = sorted(tree.rglob('*'))
  tools, made = make()
  assert not made
  report = tools.examine('a.jpg')
  jsonschema.validate(report, json.loads(report_lib.SCHEMA.read_text()))
  record = tools.localize('a.jpg')
  assert 0 <= record['image_score'] <= 1 and record['width'] == 96
  assert 'files' not in record and 'files' not in report
  assert 'data:image' not in json.dumps([report, record])
  assert made == [1] and sorted(tree.rglob('*')) == before


def test_results_are_kept_where_a_folder_was_named(make, tree):
  tools, _ = make(tree / 'out')
  answers = tools.examine('c.jpg'), tools.localize('c.jpg')
  for answer in answers:
    for path in answer['files'].values():
      assert pathlib.Path(path).is_file()
      assert path.startswith(str(tree / 'out' / 'more' / 'c.jpg.'))


def test_what_cannot_be_used_is_a_sentence(make, tree):
  (tree / 'photos' / 'text.jpg').write_text('no image')
  tools, _ = make()
  for tool in (tools.examine, tools.localize):
    with pytest.raises(errors.UserError, match='text.jpg'):
      tool('text.jpg')
    with pytest.raises(errors.UserError, match=OUTSIDE):
      tool('/etc/passwd')


def test_texts_of_the_file_are_inert(make, tree):
  name = f'{specimens.CONTROL}<script>.jpg'
  block = specimens.exif({271: specimens.SCRIPT + specimens.CONTROL})
  (tree / 'photos' / name).write_bytes(specimens.jpeg(exif=block))
  tools, _ = make()
  text = json.dumps(
      [tools.examine(name), tools.localize(name)], ensure_ascii=False
  )
  assert specimens.SCRIPT in json.loads(text)[0]['metadata']['summary']['make']
  assert '\x1b' not in text and '\\u001b' not in text and '\u202e' not in text


def ask(server, *calls):
  """Asks a server by the SDK's client; returns its tools and answers."""
  mcp = pytest.importorskip('mcp', reason='The extra mcp is not installed.')

  async def run():
    async with mcp.Client(server) as client:
      tools = (await client.list_tools()).tools
      return tools, [
          await client.call_tool(name, {'path': str(path)})
          for name, path in calls
      ]

  return asyncio.run(run())


def test_the_client_sees_two_tools_and_sentences(make):
  pytest.importorskip('mcp', reason='The extra mcp is not installed.')
  listed, answers = ask(
      mcp_server.make(make()[0]),
      ('examine', 'a.jpg'),
      ('localize', 'a.jpg'),
      ('examine', '/etc/passwd'),
  )
  assert [tool.name for tool in listed] == ['examine', 'localize']
  for tool in listed:
    assert tool.input_schema['required'] == ['path']
    assert 'path' in tool.description and tool.annotations.read_only_hint
  report, record, refused = answers
  assert report.structured_content['schema_version'] == 1
  assert json.loads(record.content[0].text)['height'] == 96
  assert refused.is_error and OUTSIDE in refused.content[0].text
  assert refused.content[0].text.count('\n') == 0


def test_refusals_of_the_command(tree, capsys, monkeypatch):
  def refusal(*arguments):
    assert cli.main(['mcp', *arguments]) == 2
    err = capsys.readouterr().err
    return err.splitlines()[-1]

  monkeypatch.setattr(factory, 'make', lambda **_: pytest.fail('loaded'))
  assert '--allow' in refusal()
  with monkeypatch.context() as patch:
    patch.setattr('importlib.util.find_spec', lambda name: None)
    assert "pip install '.[mcp]'" in refusal(f'--allow={tree}')
  pytest.importorskip('mcp', reason='The extra mcp is not installed.')
  assert 'is no folder' in refusal(f'--allow={tree}/none')
  assert '--out' in refusal(f'--allow={tree}', f'--out={tree}/more/c.jpg')


def command(tree, *arguments):
  return [
      sys.executable, '-m', 'manloc_jax.cli', 'mcp', '--device=cpu',
      f'--allow={tree}/photos', *arguments,
  ]  # fmt: skip


ENVIRONMENT = {**os.environ, 'PYTHONPATH': str(ROOT)}


@pytest.mark.slow
def test_an_assistant_over_standard_streams(tree):
  stdio = pytest.importorskip(
      'mcp.client.stdio', reason='The extra mcp is not installed.'
  )
  program, *arguments = command(tree, f'--out={tree}/out')
  _, answers = ask(
      stdio.stdio_client(
          stdio.StdioServerParameters(
              command=program, args=arguments, env=ENVIRONMENT
          )
      ),
      ('localize', 'a.jpg'),
      ('examine', tree / 'photos' / 'below' / 'b.jpg'),
      ('examine', tree / 'more' / 'c.jpg'),
      ('examine', 'a.jpg'),
  )
  record, report, refused, again = answers
  assert record.structured_content['method'] == 'fusion'
  files = record.structured_content['files']
  assert all(pathlib.Path(path).is_file() for path in files.values())
  assert 'image_score' in report.structured_content['maps']['fusion']
  assert refused.is_error and OUTSIDE in refused.content[0].text
  assert again.structured_content['file'] == 'a.jpg'


@pytest.mark.slow
@pytest.mark.parametrize('is_killed', [False, True])
def test_nothing_but_the_protocol_is_printed_and_it_ends(tree, is_killed):
  pytest.importorskip('mcp', reason='The extra mcp is not installed.')
  with subprocess.Popen(
      command(tree),
      env=ENVIRONMENT,
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
  ) as process:
    for request in (
        {'id': 1, 'method': 'initialize', 'params': {
            'protocolVersion': '2025-06-18', 'capabilities': {},
            'clientInfo': {'name': 'test', 'version': '1'},
        }},
        {'method': 'notifications/initialized'},
        {'id': 2, 'method': 'tools/call', 'params': {
            'name': 'localize', 'arguments': {'path': 'a.jpg'},
        }},
    ):  # fmt: skip
      process.stdin.write(json.dumps({'jsonrpc': '2.0', **request}) + '\n')
      process.stdin.flush()
    lines = [process.stdout.readline() for _ in range(2)]
    assert [json.loads(line)['id'] for line in lines] == [1, 2]
    start = time.monotonic()
    if is_killed:
      process.send_signal(signal.SIGTERM)
    else:
      with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    assert process.wait(60) == (143 if is_killed else 0)
    assert time.monotonic() - start < 20
    assert process.stdout.read() == ''
    assert 'Traceback' not in process.stderr.read()
