"""Prints the oldest versions that pyproject.toml allows, as pip constraints.

  PIP_CONSTRAINT=FILE makes pip install these.
"""

import pathlib
import re
import tomllib

ROOT = pathlib.Path(__file__).parents[1]


def main() -> None:
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
  for requirement in project['dependencies']:
    print(re.sub(r'>=([0-9.]+)', r'==\1', requirement))


if __name__ == '__main__':
  main()
