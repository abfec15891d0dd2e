#!/usr/bin/env bash
# Installs what the tests need and runs them.
#
#   bash launch/test.sh [pytest arguments]     # -m slow for the slow ones
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" test
ruff check .
mypy
exec python -m pytest "$@"
