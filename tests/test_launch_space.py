"""The Space of the Hugging Face Hub: its header, image and command."""

import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import tomllib

import pages
import pytest
import test_launch
import yaml

ROOT = pathlib.Path(__file__).parents[1]
SPACE = ROOT / 'launch' / 'space'
HOST = 'owner-name.hf.space'


def command() -> list[str]:
  """What the image runs."""
  text = (SPACE / 'Dockerfile').read_text()
  (line,) = re.findall(r'^CMD (.+)$', text, re.M)
  return json.loads(line)


def test_the_image_is_linted_pinned_and_not_root():
  path = SPACE / 'Dockerfile'
  done = test_launch.run(test_launch.tool('hadolint'), path)
  assert done.returncode == 0, done.stdout
  text = path.read_text()
  (base,) = re.findall(r'^FROM (\S+)', text, re.M)
  assert f'FROM {base}\n' in (ROOT / 'launch' / 'Dockerfile').read_text()
  assert '\nUSER 1000:1000\n' in text
  (extras,) = re.findall(r'\.whl\)\[([\w,]+)\]', text)
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
  assert {*extras.split(',')} <= project['optional-dependencies'].keys()


def test_the_header_names_the_port_of_the_page():
  _, header, text = (SPACE / 'README.md').read_text().split('---\n', 2)
  described = yaml.safe_load(header)
  assert described['sdk'] == 'docker'
  assert f'--port={described["app_port"]} ' in command()[-1]
  assert len(described['short_description']) <= 60  # The Hub takes no more.
  assert 'photograph leaves your machine' in text


def test_without_the_name_of_the_space_the_command_ends():
  environment = {k: v for k, v in os.environ.items() if k != 'SPACE_HOST'}
  done = subprocess.run(command(), env=environment, capture_output=True)
  assert done.returncode != 0 and b'SPACE_HOST' in done.stderr


@pytest.mark.slow
def test_the_command_serves_the_page_of_the_space(tmp_path):
  for name in ('starlette', 'uvicorn'):
    pytest.importorskip(name, reason='The extra serve is not installed.')
  manloc = tmp_path / 'manloc'
  start = f'exec {sys.executable} -m manloc_jax.cli "$@"'
  manloc.write_text(f'#!/bin/sh\n{start}\n')
  manloc.chmod(0o755)
  with socket.socket() as probe:
    probe.bind(('127.0.0.1', 0))
    port = probe.getsockname()[1]
  *shell, line = command()
  process = subprocess.Popen(
      [*shell, line.replace('7860', str(port))],
      cwd=tmp_path,
      env={
          **os.environ,
          'PATH': f'{tmp_path}:{os.environ["PATH"]}',
          'PYTHONPATH': str(ROOT),
          'SPACE_HOST': HOST,
      },
      stdout=subprocess.PIPE,
      text=True,
  )
  try:
    assert process.stdout.readline().strip() == f'https://{HOST}'
    assert answer(port, HOST).startswith('200 <!')
    assert answer(port, 'elsewhere.example').startswith('421 ')
  finally:
    process.terminate()
    process.wait(pages.WAIT)


def answer(port: int, host: str) -> str:
  """Status and text of what a visitor gets whose browser names a host."""
  end = time.monotonic() + pages.WAIT
  while True:
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=9)
    try:
      connection.request('GET', '/', headers={'Host': host})
      reply = connection.getresponse()
      return f'{reply.status} {reply.read().decode()}'
    except ConnectionError:
      assert time.monotonic() < end
      time.sleep(0.2)
