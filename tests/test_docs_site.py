"""The documentation site is built from all pages, without a warning."""

import os
import pathlib
import re
import subprocess
import sys

import documents
import pytest

ROOT = documents.ROOT
BIN = pathlib.Path(sys.executable).parent  # Pages run its commands.
INDEX = ROOT / 'docs' / 'site' / 'index.md'


def _build(source, out):
  """Runs the command of launch/docs.sh."""
  pytest.importorskip('myst_nb', reason="needs pip install -e '.[docs]'")
  options = ['-W', '--keep-going', '-q', '-c', ROOT / 'docs']
  return subprocess.run(
      [sys.executable, '-m', 'sphinx', *options, '-d', out / 'doctrees']
      + [source, out / 'site'],
      env={**os.environ, 'PATH': f'{BIN}{os.pathsep}{os.environ["PATH"]}'},
      capture_output=True,
      text=True,
  )


def test_every_page_has_a_place_in_the_navigation():
  listed = re.findall(r'/docs/(\w+)$', INDEX.read_text(), re.M)
  assert sorted(listed) == sorted(p.stem for p in ROOT.glob('docs/*.md'))


def test_the_script_builds_as_the_tests_do():
  script = (ROOT / 'launch' / 'docs.sh').read_text()
  assert 'python -m sphinx -W --keep-going -c docs -d build/doctrees .' in (
      script
  )


def test_the_workflow_publishes_what_the_script_makes():
  workflow = (ROOT / '.github' / 'workflows' / 'docs.yml').read_text()
  script = ROOT / 'launch' / 'docs.sh'
  assert f'run: bash {script.relative_to(ROOT)}\n' in workflow
  (folder,) = re.findall(r'path: (\S+)', workflow)
  assert f'${{1:-{folder}}}' in script.read_text()


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
  done = _build(ROOT, tmp_path)
  assert done.returncode == 0, done.stderr
  site = tmp_path / 'site'
  (first,) = re.findall(r'url=(\S+)"', (site / 'index.html').read_text())
  assert (site / first).is_file()
  page = (site / 'docs' / 'site' / 'api.html').read_text()
  assert 'id="manloc_jax.checkpoint.load"' in page
  assert 'The run’s folder.' in page  # Docstrings are read.
  page = (site / 'docs' / 'site' / 'first_map.html').read_text()
  assert 'of the untouched photograph is marked.' in page
  assert page.count('<img alt="../../_images/') == 3
  page = (site / 'docs' / 'site' / 'other_tools.html').read_text()
  assert 'variance and fusion on mine, protocol whole image' in page
  page = (site / 'docs' / 'site' / 'reproduce_table.html').read_text()
  # On three datasets of the paper and on the demo.
  assert page.count('<td><p>P-Conv-LSTM</p></td>') == 3 + 1
  assert 'contradicted' in page and 'confirmed' in page
  page = (site / 'docs' / 'site' / 'extend.html').read_text()
  for added in ('rooms in rooms: 12 manipulated', '# conv2-4f', 'variance  12'):
    assert added in page
  page = (site / 'docs' / 'site' / 'rehearse_cluster.html').read_text()
  assert 'Another process of this run has ended' in page
  assert 'each step was logged once: True' in page
  page = (site / 'launch' / 'colab.html').read_text()
  assert 'AUC of the block 12 steps before' in page


@pytest.mark.slow
@pytest.mark.parametrize('link', ['../nowhere.md', '#no-such-heading'])
def test_a_link_that_leads_nowhere_is_an_error(tmp_path, link):
  page = tmp_path / 'docs' / 'site' / 'index.md'
  page.parent.mkdir(parents=True)
  page.write_text(f'# Title\n\n[A link]({link}).\n')
  done = _build(tmp_path, tmp_path / 'out')
  assert done.returncode != 0
  assert link.strip('#') in done.stderr
