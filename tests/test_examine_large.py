"""A photograph of twelve megapixels is examined within bounds."""

import json
import os
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest

_MOST_BYTES = 2 << 30
_MOST_SECONDS = 60  # Of processors; half on one that is not shared.


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
  process = subprocess.Popen(
      [*command, str(tmp_path / 'large.jpg'), f'--out={tmp_path / "out"}'],
      stdout=subprocess.DEVNULL,
  )
  _, status, usage = os.wait4(process.pid, 0)
  assert status == 0
  kibibytes = usage.ru_maxrss // (1024 if sys.platform == 'darwin' else 1)
  assert 1024 * kibibytes < _MOST_BYTES
  assert usage.ru_utime + usage.ru_stime < _MOST_SECONDS
  report = json.loads((tmp_path / 'out' / 'large.jpg.report.json').read_text())
  assert all('unit' in one for one in report['maps']['classical'].values())
  assert len(report['maps']['ghosts']['changes']) == 10
  html = tmp_path / 'out' / 'large.jpg.report.html'
  assert html.stat().st_size < 3_000_000
