"""A photograph of twelve megapixels is examined within bounds."""

import json
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest

_MOST_KIBIBYTES = 2 << 20
_MOST_SECONDS = 60  # Of processors; half on one that is not shared.

# A child counts what its parent had in memory, too: this one has little.
_MEASURE = """
import json, resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([usage.ru_maxrss, usage.ru_utime + usage.ru_stime]))
"""


@pytest.mark.slow
def test_twelve_megapixels(test_data, tmp_path):
  path = test_data / 'camera_jpegs' / 'Pentax_ist_D.jpg'
  if not path.is_file():
    pytest.skip(f'There is no {path.name}.')
  with Image.open(path) as image:
    large = image.convert('RGB').resize((4000, 3000), Image.Resampling.LANCZOS)
  noise = np.random.default_rng(0).normal(0, 2, (3000, 4000, 3))
  pixels = np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8)
  Image.fromarray(pixels).save(tmp_path / 'large.jpg', quality=92)
  command = [sys.executable, '-m', 'manloc_jax.cli', 'examine', '--device=cpu']
  command += [str(tmp_path / 'large.jpg'), f'--out={tmp_path / "out"}']
  done = subprocess.run(
      [sys.executable, '-c', _MEASURE, *command],
      stdout=subprocess.PIPE,
      text=True,
      check=True,
  )
  peak, seconds = json.loads(done.stdout.splitlines()[-1])
  assert peak // (1024 if sys.platform == 'darwin' else 1) < _MOST_KIBIBYTES
  assert seconds < _MOST_SECONDS
  report = json.loads((tmp_path / 'out' / 'large.jpg.report.json').read_text())
  assert all('unit' in one for one in report['maps']['classical'].values())
  assert len(report['maps']['ghosts']['changes']) == 10
  html = tmp_path / 'out' / 'large.jpg.report.html'
  assert html.stat().st_size < 3_000_000
