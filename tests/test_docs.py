"""README and docs: what they link to and name exists."""

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import tomllib

import documents
import pytest
import test_layers

from configs import fusion as fusion_config
from configs import synthetic as synthetic_config
from manloc_jax import cli
from manloc_jax import run_config
from manloc_jax.data import datasets

ROOT = documents.ROOT


def test_the_readme_is_short():
  assert len((ROOT / 'README.md').read_text().splitlines()) <= 150


@pytest.mark.parametrize(
    ('path', 'target'),
    documents.read_links(),
    ids=lambda value: getattr(value, 'name', value),
)
def test_links_lead_somewhere(path, target):
  name, _, anchor = target.partition('#')
  linked = path.parent / name if name else path
  assert linked.exists()
  if anchor:
    assert anchor in documents.read_headings(linked)


def test_every_page_is_named_in_the_readme():
  text = (ROOT / 'README.md').read_text()
  for page in (ROOT / 'docs').glob('*.md'):
    assert f'](docs/{page.name})' in text


def _help(*command: str) -> str:
  out = io.StringIO()
  with contextlib.redirect_stdout(out):
    assert cli.main([*command, '--help']) == 0
  return out.getvalue()


def _subcommands() -> list[str]:
  return re.findall(r'^    (\w+) ', _help(), re.M)


def _manloc_commands() -> list[str]:
  inline = [code for code in documents.read_inline() if code.count(' ') > 1]
  return [
      command
      for command in (*documents.read_commands(), *inline)
      if command.startswith('manloc ')
  ]


@pytest.mark.parametrize('command', _manloc_commands())
def test_subcommands_and_their_options_exist(command):
  _, name, *arguments = shlex.split(command)
  options = set(re.findall(r'--[a-z_]+', _help(name)))
  for argument in arguments:
    if argument.startswith('--') and not argument.startswith('--config.'):
      assert argument.split('=')[0] in options | {'--config', '--workdir'}


def test_inline_options_exist():
  """Options that prose names belong to a subcommand or to the main job."""
  options = {'--config', '--mode', '--extend', '--json', '--max_steps'}
  options |= {'--distributed', '--process_id'}
  for name in _subcommands():
    options |= set(re.findall(r'--[a-z_]+', _help(name)))
  for code in documents.read_inline():
    for option in re.findall(r'(?<![\w-])--[a-z_]+(?![\w.-])', code):
      assert option in options, code


def test_settings_that_are_named_exist():
  known = set()
  for config in (fusion_config, synthetic_config):
    known |= run_config.flatten(config.get_config().to_dict()).keys()
  text = '\n'.join(
      path.read_text()
      for path in documents.DOCUMENTS
      if path.name != 'CHANGELOG.md'
  )
  for name in re.findall(r'--config\.([a-z0-9_.]+[a-z0-9_])', text):
    assert name in known, f'--config.{name}'


def test_command_lines_of_the_main_job_are_parsed():
  commands = [
      shlex.split(command)[2:]
      for command in documents.read_commands()
      if command.startswith(documents.MAIN)
  ]
  assert commands
  code = """
import copy, json, sys
from absl import flags
from manloc_jax import main
from manloc_jax.commands import config_files
for argv in json.load(sys.stdin):
  values = flags.FlagValues()
  config_files.define_flag(None, values, argv)
  names = 'mode', 'workdir', 'extend', 'engine', 'shard', 'merge'
  names += 'distributed', 'coordinator_address', 'num_processes', 'process_id'
  for name in names:
    values[name] = copy.deepcopy(flags.FLAGS[name])
  left = config_files.parse(argv, values)
  assert not left[1:], left
"""
  done = subprocess.run(
      [sys.executable, '-c', code],
      input=json.dumps(commands),
      capture_output=True,
      text=True,
      cwd=ROOT,
  )
  assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    'command',
    [
        command
        for command in documents.read_commands()
        if command.startswith(documents.BENCHMARK)
    ],
)
def test_command_lines_of_benchmarks_are_parsed(command):
  words = [sys.executable, *shlex.split(command)[1:], '--only_check_args']
  done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
  assert done.returncode == 0, done.stderr


def test_scripts_configs_and_extras_exist():
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
  extras = project['optional-dependencies']
  for command in documents.read_commands():
    for word in shlex.split(command):
      if re.fullmatch(r'(launch|configs|\.ci)/\S+', word):
        assert (ROOT / word).exists(), command
      if found := re.fullmatch(r'\.\[(.+)\]', word):
        assert set(found[1].split(',')) <= extras.keys(), command


@pytest.mark.parametrize(
    ('page', 'known'),
    [
        ('datasets.md', {*datasets.DATASETS}),
        ('localizing.md', {*run_config.CLASSICAL}),
    ],
)
def test_tables_name_what_there_is(page, known):
  """A new dataset or method is one file; its row here is asked for, no more."""
  text = (ROOT / 'docs' / page).read_text()
  listed = re.findall(r'^\| `(\w+)` \|', text, re.M)
  assert listed and set(listed) <= known


def test_the_workflow_tries_every_python():
  workflow = (ROOT / '.github' / 'workflows' / 'ci.yml').read_text()
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
  named = re.findall(r'Python :: (3\.\d+)', ' '.join(project['classifiers']))
  (tried,) = re.findall(r'python: \[(.+)\]', workflow)
  assert re.findall(r'[\d.]+', tried) == named
  for script in re.findall(r'bash (\S+)', workflow):
    assert (ROOT / script).exists()


def test_the_floors_are_those_of_the_layer_test():
  text = (ROOT / 'docs' / 'architecture.md').read_text()
  rows = re.findall(r'^\| (\d+) \| (.+) \|$', text, re.M)
  floors = [set(re.findall(r'`(\w+)`', names)) for _, names in reversed(rows)]
  assert floors == [
      set(floor) & (_members() | {'__init__'}) for floor in test_layers.FLOORS
  ]


def _members() -> set[str]:
  package = ROOT / 'manloc_jax'
  return {path.stem for path in package.glob('[!_]*')}


def test_folders_of_the_tree_exist():
  text = (ROOT / 'docs' / 'architecture.md').read_text()
  tree = text.split('```')[1]
  folders = [ROOT]
  for line in tree.splitlines()[1:]:
    depth = (len(line) - len(line.lstrip())) // 2
    for name in re.findall(r'^\s*([\w.]+/?)(?:\s{2,}|$)', line):
      path = folders[depth] / name.rstrip('/')
      assert path.exists(), line
      folders[depth + 1 :] = [path]
