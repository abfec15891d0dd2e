"""Commands and code of README and docs are run, or listed with a reason."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import documents
import numpy as np
from PIL import Image
import pytest
import trees

from manloc_jax import cli
from manloc_jax.data import forge

ROOT = documents.ROOT

# Commands that are copied and run, with their exit code. FOLDER, PHOTOGRAPHS
# and so on are small ones, with the names of the text.
RUN = {
    'manloc localize photo.jpg': 0,
    "manloc localize photo.jpg folder 'more/**/*.png' --out=localized": 0,
    'manloc localize folder --method=adjpeg --format=npy': 0,
    'manloc examine photo.jpg folder --out=examined': 0,
    # Not all images of the published set are there: something is wrong.
    'manloc audit casia1 FOLDER': 1,
    'manloc evaluate --method=fusion,ela --data=casia1=FOLDER'
    ' --data=mine=OTHER': 0,
    'manloc evaluate --maps=MAPS --data=casia1=FOLDER': 1,
    'manloc robustness --method=adjpeg,dct --data=casia1=FOLDER'
    ' --series=jpeg,resize': 0,
    'manloc prepare casia1 FOLDER --out=data --rule=group': 0,
    'manloc prepare casia1 FOLDER --out=data --shard=0/8': 0,
    'python .ci/oldest.py > oldest.txt': 0,
}
RUN_SLOWLY = {
    'manloc report --study=manloc_jax/results/study_casia.json --out=study': 0,
}
# On the table of NIST, which is of another set than FOLDER above.
RUN_ON_NIST = {
    'manloc audit nist16 FOLDER --names_only --draws=300': 1,
    'manloc split nist16 FOLDER --rule=group --seed=0 --out=split.json': 0,
    'manloc audit nist16 FOLDER --names_only --split_list=split.json': 1,
}
# With the blocks of Python of their page, which read what they write.
EXPORTS = (
    'manloc export --method=network --out=network.onnx',
    'manloc export --method=network --out=network.stablehlo',
    'manloc export --method=fusion --weights=v2 --out=fusion.onnx',
    'manloc export --method=network --out=network/',
)
# Why others are not run; those of `manloc` and `manloc_jax` are parsed.
_DATA = 'needs a dataset, and trains for minutes to hours'
_RUNS = 'needs finished runs'
_MINUTES = 'takes minutes'
_INSTALLS = 'changes the environment'
_RAY = 'needs a Ray cluster; test_data_ray_pool.py starts one'
_EXPORTED = 'needs exported files; test_docs_exporting.py has them'
_CLUSTER = 'needs a cluster'
_BENCHMARK = 'needs a machine without other work'
NOT_RUN = {
    'bash launch/local.sh configs/demo.py': _MINUTES,
    'bash launch/test.sh': 'runs this test',
    'bash launch/test.sh -m slow': 'runs this test',
    'bash .ci/run': 'runs this test',
    'bash launch/benchmarks.sh': _BENCHMARK,
    'bash launch/docs.sh': 'test_docs_site.py builds the site',
    'sbatch launch/slurm_sweep.sh casia --config.data.root=FOLDER': _CLUSTER,
    'sbatch --nodes=2 --gpus-per-node=4 --ntasks-per-node=4 launch/slurm.sh'
    ' configs/casia.py --config.data.root=FOLDER': _CLUSTER,
    'docker build -f launch/Dockerfile --build-arg EXTRA=cuda12 -t IMAGE .': (
        'needs Docker; test_launch.py runs its steps'
    ),
    'kubectl apply -f launch/kubernetes.yaml': (
        'needs a cluster; test_launch.py checks the file'
    ),
    'python -m manloc_jax.main --config=configs/demo.py --distributed'
    ' --coordinator_address=node1:5527 --num_processes=2 --process_id=0': (
        'waits for others; test_training_processes.py runs all of them'
    ),
    'python -m manloc_jax.benchmarks.processes --config=configs/demo.py': (
        _BENCHMARK
    ),
    'python -m manloc_jax.benchmarks.faults --count=100': _MINUTES,
    'source .venv/bin/activate': _INSTALLS,
    'bash launch/dev.sh': _INSTALLS,
    'pip install -e .': _INSTALLS,
    "pip install -e '.[cuda12,jpeg]'": _INSTALLS,
    "pip install -e '.[serve]'": _INSTALLS,
    "pip install -e '.[examine]'": _INSTALLS,
    "pip install -e '.[mcp]'": _INSTALLS,
    "pip install -e '.[ray]'": _INSTALLS,
    'manloc localize FOLDER --out=OUT --engine=ray': _RAY,
    'manloc evaluate --method=noise --data=mine=FOLDER --engine=ray': _RAY,
    'manloc prepare casia1 FOLDER --out=data --engine=ray': _RAY,
    'export RAY_USAGE_STATS_ENABLED=0': _CLUSTER,
    'ray start --head --include-dashboard=false --disable-usage-stats': (
        _CLUSTER
    ),
    'srun ray symmetric-run --address "$HEAD:6379" --min-nodes "$SLURM_NNODES"'
    ' -- manloc localize FOLDER --out=OUT --engine=ray': _CLUSTER,
    'kubectl exec "$POD" -- manloc localize FOLDER --out=OUT --engine=ray': (
        _CLUSTER
    ),
    "run='manloc prepare casia1 FOLDER --out=data'": _CLUSTER,
    'one=$(sbatch --parsable --array=0-7 --wrap'
    ' "$run --shard=\\$SLURM_ARRAY_TASK_ID/8")': _CLUSTER,
    'two=$(sbatch --parsable --array=0-7 --dependency=afterok:$one --wrap'
    ' "$run --shard=\\$SLURM_ARRAY_TASK_ID/8")': _CLUSTER,
    'sbatch --dependency=afterok:$two --wrap "$run --merge=8"': _CLUSTER,
    'manloc prepare casia1 FOLDER --out=data --merge=8': (
        'needs the shards of all jobs; test_data_array_job.py merges some'
    ),
    "PIP_CONSTRAINT=oldest.txt pip install -e '.[test]'": _INSTALLS,
    'PIP_CONSTRAINT=launch/environment.lock'
    ' bash launch/local.sh configs/demo.py': _INSTALLS,
    'manloc serve --port=7860': 'does not end; test_serve_page.py runs it',
    'manloc mcp --allow=PHOTOGRAPHS': (
        'answers an assistant; test_serve_mcp_server.py is one'
    ),
    'manloc examine photo.jpg --pdf': (
        'needs a browser; test_examine_pdf.py runs it where there is one'
    ),
    'python -m pytest -s -m slow tests/test_serve_attacks.py': _MINUTES,
    'manloc robustness --method=fusion,adjpeg,dct --data=casia1=FOLDER': (
        _MINUTES
    ),
    'manloc report --docs': (
        'changes the documents; test_reports_report.py does it to copies'
    ),
    'manloc export runs/demo --out=network.safetensors': _RUNS,
    'manloc localize photo.jpg --workdir=network.safetensors': _RUNS,
    'python -m pytest -s -m slow tests/test_localization_export.py'
    ' -k rounding': _MINUTES,
    'pip wheel --no-deps --wheel-dir=launch/space .': _INSTALLS,
    'hf upload NAME/SPACE launch/space --repo-type=space': (
        'publishes; test_launch_space.py runs what the Space runs'
    ),
    **dict.fromkeys(EXPORTS, 'test_docs_exporting.py runs them and the code'),
    'python -m manloc_jax.main --config=configs/demo.py --extend'
    ' --config.num_steps=2000 --config.optim.learning_rate=3e-4': _RUNS,
    'jupyter execute --inplace launch/colab.ipynb': (
        'takes minutes; test_launch_notebook.py runs the notebook'
    ),
    'bash launch/rehearsal.sh configs/demo.py --config.num_steps=20'
    ' --workdir=runs/rehearsal': _MINUTES,
    'manloc run demo': (
        'takes minutes; test_launch_notebook.py runs it with few steps'
    ),
    'manloc runs': _RUNS,
    'manloc runs compare runs/a runs/b --curves=curves.png': _RUNS,
    'manloc report runs/demo': _RUNS,
    'manloc compare fusion ela': _RUNS,
    'manloc evaluate --workdir=runs/casia --data=casia1=FOLDER'
    ' --split=test': _RUNS,
    'manloc report runs/demo-0 runs/demo-1 --summary=demo.json': _RUNS,
    'manloc report runs/a runs/b --compare=trials.json': _RUNS,
    'manloc report runs/ablation/*/* --study=study_all.json --out=study': _RUNS,
    'manloc sweep demo --seeds=0,1,2': _MINUTES,
    'manloc sweep rooms --study=configs/wide.py --seeds=0,1,2'
    ' --runs=runs/wide': 'test_reports_study_own.py does it with another file',
    'manloc report runs/wide/*/* --defined_by=configs/wide.py'
    ' --study=wide.json --out=wide': _RUNS,
    'manloc report runs/leakage/*/* --leakage=leakage.json': _RUNS,
    'manloc report runs/dial/*/* --dial=dial.json': _RUNS,
    'manloc report runs/ladder/*/* --ladder=ladder.json': _RUNS,
    'manloc runs compare runs/long/rgb runs/long/shipped'
    ' --curves=long_training.png --json > long_training.json': _RUNS,
    'manloc forge PHOTOGRAPHS --out=data/forged --count=7000 --size=256,512'
    ' --fractions=0.86,0.06,0.08 --seed=7 --keep_originals': _DATA,
    'manloc sweep casia --study=configs/ladder.py --runs=runs/ladder'
    ' --config.data.root=FOLDER': _DATA,
    'manloc sweep casia --seeds=0,1,2 --config.data.root=FOLDER': _DATA,
    'manloc sweep standin --seeds=0,1,2': _DATA,
    'manloc sweep standin --study=configs/leakage.py --runs=runs/leakage': (
        _DATA
    ),
    'manloc sweep casia --study=configs/leakage.py --runs=runs/leakage'
    ' --config.data.root=FOLDER': _DATA,
    'manloc sweep dial-40 --runs=runs/dial --seeds=0,1,2'
    ' --systems=j-conv-lstm-conv,s-conv-lstm-conv,p-conv-lstm,fcn': _MINUTES,
    'manloc forge PHOTOGRAPHS --out=data/forged --count=1000'
    ' --size=256,512 --preview': _MINUTES,
    'manloc forge PHOTOGRAPHS --out=data/unseen --count=60 --size=256,448'
    ' --seed=5 --fractions=0.6,0.2,0.2': _MINUTES,
    'manloc robustness --data=synthetic=data/unseen'
    ' --method=fusion,adjpeg,blocks,dct,ela,nadjpeg,noise,patchmatch': _MINUTES,
    'manloc forge PHOTOGRAPHS --out=data/forged --count=8000 --size=256,448'
    ' --seed=11 --fractions=0.86,0.06,0.08 --keep_originals': _MINUTES,
    'manloc forge camera_jpegs --out=data/forged --count=1600'
    ' --size=256,448 --fractions=0.8,0.08,0.12': _DATA,
    'manloc forge photographs camera_jpegs --out=data/forged --count=8000'
    ' --size=256,448 --seed=11 --fractions=0.86,0.06,0.08'
    ' --keep_originals': _DATA,
    'manloc evaluate --method=fusion --workdir=RUN --data casia1=FOLDER': _RUNS,
    'manloc fusion --config=configs/fusion.py --config.data.root=data/forged'
    ' --workdir=runs/fusion': _MINUTES,
}
NOT_RUN_PREFIXES = {documents.MAIN: _DATA, documents.BENCHMARK: _BENCHMARK}
# Blocks of Python that are not run, by a line of them.
PYTHON_NOT_RUN = {
    "'network.stablehlo'": _EXPORTED,
    "InferenceSession('network.onnx')": _EXPORTED,
    "InferenceSession('fusion.onnx')": _EXPORTED,
    "from_pretrained('network')": _EXPORTED,
    "hub.push_to_hub('network', 'NAME/network')": (
        'publishes; test_localization_hub.py has a Hub of its own'
    ),
    "run = checkpoint.load('runs/demo')": _RUNS,
    "found = checkpoint.load('runs/demo')": _RUNS,
    'out, kept = run.apply(': _RUNS,
    "load_localizer(workdir='runs/demo', stride=16)": _RUNS,
    "    'conv2-4f': ('Conv2-4f', {'model.conv2_filters': 4}),": (
        'an entry; test_contributing.py adds it'
    ),
    'from configs import rooms': 'a file; test_reports_study_own.py uses it',
    'METHOD = interface.Method(': 'a file; test_contributing.py adds it',
    'DATASET = spec.Dataset(': 'a file; test_contributing.py adds it',
}


def test_every_command_is_run_or_listed():
  listed = {*RUN, *RUN_SLOWLY, *RUN_ON_NIST, *NOT_RUN}
  commands = documents.read_commands()
  for command in commands:
    assert command in listed or command.startswith(tuple(NOT_RUN_PREFIXES)), (
        f'{command!r} is neither run nor listed: add it to RUN or NOT_RUN'
    )
  assert not listed - set(commands), 'no document has these any more'


@pytest.fixture
def workplace(tmp_path, monkeypatch):
  """A folder with what the commands name, as the current one."""
  for name in ('.ci', 'docs', 'pyproject.toml'):
    copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
    copy(ROOT / name, tmp_path / name)
  (tmp_path / 'manloc_jax').symlink_to(ROOT / 'manloc_jax')
  for folder in ('folder', 'more/deep', 'PHOTOGRAPHS'):
    (tmp_path / folder).mkdir(parents=True)
  photograph = Image.fromarray(trees.photograph(0))
  for path in ('photo.jpg', 'folder/a.jpg', 'more/deep/b.png'):
    photograph.save(tmp_path / path)
  for one in forge.packaged().listed[:3]:
    shutil.copy(one.path, tmp_path / 'PHOTOGRAPHS')
  monkeypatch.chdir(tmp_path)
  return tmp_path


def _run(command: str) -> int:
  if command.startswith('manloc '):
    return cli.main(shlex.split(command)[1:])
  paths = [pathlib.Path(sys.executable).parent, os.environ['PATH']]
  return subprocess.run(
      ['bash', '-c', command],
      env={**os.environ, 'PATH': os.pathsep.join(map(str, paths))},
  ).returncode


def test_newcomers_follow_documents():
  script = (ROOT / '.ci' / 'journeys.sh').read_text().replace('\\\n', '')
  followed = re.findall('^follow (.+)$', script, re.M)
  commands = {' '.join(line.split()) for line in followed}
  assert len(commands) == 4
  assert commands <= set(documents.read_commands())


@pytest.mark.parametrize('command', RUN)
def test_commands_run(command, workplace):
  (stem, *_) = trees.casia1(workplace / 'FOLDER', forged=4).glob('Tp/Sp/*')
  trees.save(workplace / f'MAPS/{stem.stem}.png', trees.region(0))
  for folder in ('images', 'masks'):
    trees.save(workplace / f'OTHER/{folder}/a.png', 255 * trees.region(1))
  assert _run(command) == RUN[command]


@pytest.mark.slow
@pytest.mark.parametrize('command', RUN_SLOWLY)
def test_slow_commands_run(command, workplace):
  assert _run(command) == RUN_SLOWLY[command]


def test_commands_on_nist_run_one_after_the_other(workplace):
  trees.nist16(workplace / 'FOLDER')
  for command, code in RUN_ON_NIST.items():
    assert _run(command) == code, command


@pytest.mark.parametrize(
    ('document', 'block'), documents.read_blocks('python')
)
def test_python_runs_or_is_listed(document, block, workplace):
  if not any(line in block for line in PYTHON_NOT_RUN):
    exec(compile(block, document, 'exec'), {})
  elif 'import ' in block:  # No entry of a table.
    compile(block, document, 'exec')


@pytest.mark.slow
@pytest.mark.parametrize(
    ('document', 'picture'),
    [
        ('README.md', 'docs/images/overview.png'),
        ('docs/evidence.md', 'docs/images/evidence.png'),
    ],
)
def test_the_picture_is_that_of_its_command(document, picture, workplace):
  pytest.importorskip('jpeglib')  # It reads other coefficients than Pillow.
  command = f'python docs/picture.py {picture}'
  assert any(command in line for line in (ROOT / document).open())
  (workplace / picture).unlink()
  done = subprocess.run(
      [sys.executable, *command.split()[1:]],
      env={**os.environ, 'PYTHONPATH': str(ROOT)},
  )
  assert done.returncode == 0
  pictures = [
      np.asarray(Image.open(root / picture).convert('RGB'))
      for root in (ROOT, workplace)
  ]
  committed, drawn = (picture.astype(float) for picture in pictures)
  # Versions of matplotlib place letters in their own way.
  assert np.abs(np.subtract(committed.shape, drawn.shape)).max() <= 8
  height, width = np.minimum(committed.shape, drawn.shape)[:2]
  difference = committed[:height, :width] - drawn[:height, :width]
  # Much is black: other forgeries in the three rows made it 4.8.
  assert np.abs(difference).mean() < 3
