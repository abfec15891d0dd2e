#!/usr/bin/env bash
# Installs what the tests need, checks the code by ruff and mypy, and runs the
# tests; with arguments, those tests alone.
#
#   bash launch/test.sh [pytest arguments]     # -m slow for the slow ones
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" test,docs
if [ $# -eq 0 ]; then
  ruff check .
  mypy
fi
# Two processes, each of which comes to hold 5 GB of compiled programs.
exec python -m pytest -n 2 --dist loadfile --no-loadscope-reorder \
  --durations=20 "$@"
