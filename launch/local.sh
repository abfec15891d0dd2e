#!/usr/bin/env bash
# Runs the main job on this machine, installing what it needs first.
#
#   bash launch/local.sh configs/demo.py [--flag=value ...]
#
# With an NVIDIA driver present the CUDA build of JAX is installed; otherwise
# no CUDA wheels are downloaded.
set -euo pipefail

if [ $# -lt 1 ]; then
  echo "Usage: bash launch/local.sh CONFIG [--flag=value ...]" >&2
  exit 2
fi
config="$1"
shift
if command -v nvidia-smi > /dev/null && nvidia-smi > /dev/null 2>&1; then
  extras=cuda12
else
  extras=tensorboard
fi
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" "$extras"
exec python -m manloc_jax.main --config="$config" "$@"
