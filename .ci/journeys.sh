#!/usr/bin/env bash
# What newcomers do in a fresh checkout, by commands of README and docs: they
# reproduce the demo, localize in a photograph, rehearse a cluster, and get ready
# to extend the code.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

follow() {
  echo "\$ $*" >&2
  "$@"
}

follow bash launch/local.sh configs/demo.py
source .venv/bin/activate
python -c '
from PIL import Image
from skimage import data
Image.fromarray(data.astronaut()).save("photo.jpg")
'
follow manloc localize photo.jpg
follow bash launch/rehearsal.sh configs/demo.py --config.num_steps=20 \
  --workdir=runs/rehearsal
follow bash launch/dev.sh
