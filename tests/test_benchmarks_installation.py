"""The benchmark of an installation sums packages and looks at imports."""

import json
import sys

from manloc_jax.benchmarks import installation


def test_the_largest_packages_are_named_and_the_others_summed():
  sizes = {f'package{i}': i * 10**6 for i in range(20)}
  lines = installation.lines({
      'extras': ['serve'],
      'seconds': 61.2,
      'bytes': sizes,
      'imports': {'module': {'seconds': 1.5, 'heavy': ['optax']}},
  })
  assert lines[0] == (
      'installation, extras serve: 20 packages, 190 MB, 61 s'
  )
  assert lines[1].split() == ['package19', '19', 'MB']
  # Packages 0 to 7.
  assert lines[-2].split() == ['all', 'others', '28', 'MB']
  assert lines[-1] == '  import module: 1.50 s, with optax'


def test_sizes_are_those_of_the_files_of_packages():
  printed = installation._run(sys.executable, '-c', installation._SIZES)
  sizes = json.loads(printed)
  assert sizes['numpy'] > 10**7
  assert sizes['absl-py'] < 10**7


def test_heavy_packages_are_noticed():
  code = installation._TIMED.format(module='optax')
  seconds, heavy = json.loads(installation._run(sys.executable, '-c', code))
  assert seconds > 0 and heavy == ['optax']
