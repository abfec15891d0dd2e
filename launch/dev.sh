#!/usr/bin/env bash
# Makes a checkout ready to be worked on: the environment, the checks before each
# commit, and the tests of some minutes.
#
#   bash launch/dev.sh [pytest arguments]
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" test,docs
python -m pip install --quiet --disable-pip-version-check pre-commit
pre-commit install
ruff check .
mypy
# Networks, losses, metrics, files, classical methods, and what keeps order among
# files and documents.
exec python -m pytest -n 2 --dist loadfile tests/test_layers.py \
  tests/test_docs.py tests/test_files.py tests/test_metrics_*.py \
  tests/test_models_network.py tests/test_training_losses.py \
  tests/test_localization_classical_methods.py "$@"
