#!/usr/bin/env bash
# Builds the documentation site; every warning is an error.
#
#   bash launch/docs.sh [FOLDER]     # build/site by default
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" docs
exec python -m sphinx -W --keep-going -c docs -d build/doctrees . \
  "${1:-build/site}"
