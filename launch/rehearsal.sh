#!/usr/bin/env bash
# Runs the main job as two processes on this machine, as a cluster would on two
# machines, installing what it needs first.
#
#   bash launch/rehearsal.sh configs/demo.py [--flag=value ...]
set -euo pipefail

if [ $# -lt 1 ]; then
  echo "Usage: bash launch/rehearsal.sh CONFIG [--flag=value ...]" >&2
  exit 2
fi
config="$1"
shift
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" tensorboard
port="$(python -c '
import socket
with socket.socket() as probe:
  probe.bind(("127.0.0.1", 0))
  print(probe.getsockname()[1])
')"
processes=()
for index in 0 1; do
  python -m manloc_jax.main --config="$config" --distributed \
    --coordinator_address="127.0.0.1:$port" --num_processes=2 \
    --process_id="$index" "$@" &
  processes+=("$!")
done
code=0
for process in "${processes[@]}"; do
  wait "$process" || code=$?
done
exit "$code"
