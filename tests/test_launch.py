"""Scripts, image and manifest for clusters, as far as no cluster is needed."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[1]
LAUNCH = ROOT / 'launch'
SCRIPTS = sorted([*LAUNCH.glob('*.sh'), *(ROOT / '.ci').glob('*.sh')])


def tool(name: str) -> str:
  """Path of a program that a package of the tests brings."""
  folders = sysconfig.get_path('scripts'), os.environ.get('PATH', '')
  found = shutil.which(name, path=os.pathsep.join(folders))
  if found is None:
    pytest.skip(f'{name} is not installed.')
  return found


def run(*command, **options) -> subprocess.CompletedProcess:
  return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.mark.parametrize('script', SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_parsed_and_linted(script):
  done = run('bash', '-n', script)
  assert done.returncode == 0, done.stderr
  done = run(tool('shellcheck'), '--severity=warning', '--shell=bash', script)
  assert done.returncode == 0, done.stdout


def manifest() -> dict[str, dict]:
  """The objects of launch/kubernetes.yaml by their kind."""
  text = (LAUNCH / 'kubernetes.yaml').read_text()
  return {x['kind']: x for x in yaml.safe_load_all(text)}


def test_the_manifest_fits_the_schemas_of_kubernetes():
  kubernetes_validate = pytest.importorskip('kubernetes_validate')
  for content in manifest().values():
    kubernetes_validate.validate(content, '1.31', strict=True)


def test_a_misspelt_manifest_would_be_found():
  kubernetes_validate = pytest.importorskip('kubernetes_validate')
  job = manifest()['Job']
  job['spec']['podFailurePolicies'] = job['spec'].pop('podFailurePolicy')
  with pytest.raises(kubernetes_validate.ValidationError):
    kubernetes_validate.validate(job, '1.31', strict=True)


def test_the_pods_of_the_manifest_find_each_other():
  objects = manifest()
  name, spec = objects['Job']['metadata']['name'], objects['Job']['spec']
  pod = spec['template']['spec']
  (container,) = pod['containers']
  arguments = dict(
      argument.lstrip('-').split('=')
      for argument in container['args']
      if '=' in argument
  )
  service = objects['Service']
  assert pod['subdomain'] == service['metadata']['name']
  host = f'{name}-0.{pod["subdomain"]}'
  assert arguments['coordinator_address'].split(':')[0] == host
  assert spec['completions'] == spec['parallelism']
  assert arguments['num_processes'] == str(spec['completions'])
  assert arguments['process_id'] == '$(JOB_COMPLETION_INDEX)'
  labels = spec['template']['metadata']['labels']
  assert service['spec']['selector'] == labels
  policy = objects['NetworkPolicy']['spec']
  assert policy['podSelector']['matchLabels'] == labels
  source = {'podSelector': policy['podSelector']}
  assert policy['ingress'] == [{'from': [source]}]


def test_the_manifest_starts_again_what_the_exit_codes_ask_for():
  rules = manifest()['Job']['spec']['podFailurePolicy']['rules']
  actions = {
      code: rule['action']
      for rule in rules
      for code in rule.get('onExitCodes', {}).get('values', ())
  }
  assert actions == {1: 'FailJob', 2: 'FailJob', 75: 'Ignore', 143: 'Ignore'}


@pytest.fixture
def slurm(tmp_path):
  """Runs launch/slurm.sh where `srun` ends with a code; returns its calls."""
  fake = tmp_path / 'venv' / 'bin'
  fake.mkdir(parents=True)
  (fake / 'activate').write_text(f'PATH={shlex.quote(str(fake))}:$PATH\n')
  calls = tmp_path / 'calls'
  for name, end in (('srun', '$SRUN_CODE'), ('scontrol', '0')):
    path = fake / name
    path.write_text(f'#!/bin/bash\necho {name} "$@" >> {calls}\nexit {end}\n')
    path.chmod(0o755)

  def submit(code: int, restarts: int = 0, arguments=('configs/demo.py',)):
    done = run(
        'bash',
        LAUNCH / 'slurm.sh',
        *arguments,
        env={
            **os.environ,
            'MANLOC_VENV': str(tmp_path / 'venv'),
            'SLURM_JOB_ID': '7',
            'SLURM_RESTART_COUNT': str(restarts),
            'SRUN_CODE': str(code),
        },
    )
    made = calls.read_text().splitlines() if calls.exists() else []
    return done.returncode, made

  return submit


@pytest.mark.parametrize('code', [0, 1, 2])
def test_a_job_that_has_ended_is_not_queued_again(slurm, code):
  ended, (call,) = slurm(code)
  assert ended == code
  assert call.endswith(
      'python -m manloc_jax.main --config=configs/demo.py --distributed'
  )


@pytest.mark.parametrize('code', [75, 134, 137, 143])
def test_a_preempted_or_lost_job_is_queued_again(slurm, code):
  ended, (_, call) = slurm(code)
  assert ended == 0 and call == 'scontrol requeue 7'


def test_a_job_is_not_queued_again_for_ever(slurm):
  code, calls = slurm(75, restarts=20)
  assert code == 75 and len(calls) == 1


def test_a_job_without_a_config_is_refused(slurm):
  assert slurm(0, arguments=()) == (2, [])


def instructions() -> list[tuple[str, str]]:
  """The instructions of the Dockerfile and their arguments."""
  text = (LAUNCH / 'Dockerfile').read_text()
  lines = re.sub(r'\\\n', ' ', text).splitlines()
  return [
      tuple(line.split(None, 1))
      for line in lines
      if line and not line.startswith('#')
  ]


def test_the_image_is_linted_pinned_and_not_root():
  done = run(tool('hadolint'), LAUNCH / 'Dockerfile')
  assert done.returncode == 0, done.stdout
  steps = dict(instructions())
  assert re.fullmatch(r'python:3\.1\d-slim@sha256:[0-9a-f]{64}', steps['FROM'])
  assert steps['USER'] == '1000:1000'


@pytest.mark.slow
def test_the_steps_of_the_image_run_in_an_empty_folder(tmp_path):
  """All but the base: COPY and RUN, with packages that are installed here."""
  folder, fake = tmp_path / 'image', tmp_path / 'bin'
  folder.mkdir()
  fake.mkdir()
  (fake / 'useradd').write_text('#!/bin/sh\n')  # No user of this machine.
  (fake / 'useradd').chmod(0o755)
  venv = tmp_path / 'venv'
  run(sys.executable, '-m', 'venv', venv, check=True)
  here = sysconfig.get_path('purelib')
  site = next(venv.glob('lib/python*/site-packages'))
  (site / 'installed.pth').write_text(here)  # What the image installs, too.
  environment = {
      'PATH': f'{fake}:{venv}/bin:/usr/bin:/bin',
      'HOME': str(tmp_path),
      'PIP_NO_DEPS': '1',
      'PIP_NO_BUILD_ISOLATION': '1',
      'EXTRA': 'tensorboard',
  }
  for name, arguments in instructions():
    if name == 'COPY':
      *sources, target = arguments.split()
      for source in map(ROOT.joinpath, sources):
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / target)
    elif name == 'RUN':
      done = run('sh', '-c', arguments, cwd=folder, env=environment)
      assert done.returncode == 0, done.stderr
  shutil.rmtree(folder / 'manloc_jax')  # Only what was installed is left.
  done = run(
      f'{venv}/bin/python', '-m', 'manloc_jax.main', '--help',
      cwd=folder, env=environment,
  )  # fmt: skip
  assert 'prepare, train, evaluate, report' in done.stdout, done.stderr
