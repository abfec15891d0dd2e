#!/usr/bin/env bash
# Runs every benchmark that this machine allows and keeps its results; a GPU
# gets other batches and precisions than a CPU.
#
#   bash launch/benchmarks.sh [FOLDER]
#
# FOLDER is manloc_jax/results/benchmarks/<device> by default. Nothing else
# should run meanwhile. What fails is named at the end, and the rest is done; run
# again, it does what is missing. What matters most comes first.
# Afterwards: manloc report --docs
#   MANLOC_PYTHON   an environment with manloc_jax, by default one is installed
#   MANLOC_TEST_DATA   folder with nc2016/ (NIST's table and masks) and
#                      camera_jpegs/ (photographs): preparation needs both
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "${MANLOC_PYTHON:-}" ]; then
  extras=benchmarks
  if command -v nvidia-smi > /dev/null && nvidia-smi > /dev/null 2>&1; then
    extras=cuda12,benchmarks
  fi
  source launch/environment.sh "$extras"
  MANLOC_PYTHON=python
fi
device="$("$MANLOC_PYTHON" -c '
import re, jax
kind = jax.devices()[0].device_kind.lower()
print(re.sub("[^a-z0-9]+", "-", kind))')"
folder="${1:-manloc_jax/results/benchmarks/$device}"
mkdir -p "$folder"
failed=()

# run NAME COMMAND [ARGUMENTS]: skips what is there already.
run() {
  local name="$1" command="$2"
  shift 2
  if [ ! -e "$folder/$name.json" ]; then
    echo "== $name" >&2
    "$MANLOC_PYTHON" -m "manloc_jax.benchmarks.$command" \
      --json="$folder/$name.json" "$@" || failed+=("$name")
  fi
}

# prepare: forges photographs of NIST's size and prepares them.
prepare() {
  if [ -e "$folder/prepare.json" ]; then
    return
  elif [ -z "${MANLOC_TEST_DATA:-}" ]; then
    echo "== prepare: skipped, MANLOC_TEST_DATA is unset" >&2
    return
  fi
  local scratch
  scratch="$(mktemp -d)"
  "$MANLOC_PYTHON" -m manloc_jax.benchmarks.standin --targets=32 \
    --csv_root="$MANLOC_TEST_DATA/nc2016" \
    --photographs="$MANLOC_TEST_DATA/camera_jpegs" --out="$scratch/tree"
  run prepare prepare --root="$scratch/tree" --images=8,16,32
  rm -r "$scratch"
}

# steps NAME [ARGUMENTS]: trains and predicts.
steps() {
  local name="$1"
  shift
  for mode in train forward; do
    run "${mode}_$name" train_step --mode="$mode" $timing "$@"
  done
}

timing="--rounds=5 --turn_seconds=1"
torch="--peer=torch --peer=torch-channels-last --peer=torch-compile"
if [ "$device" = cpu ]; then
  # The decoder of 16 filters that published timings of this network have, and
  # the default one.
  narrow="--config.model.conv3_filters=16 --config.model.conv4_filters=16"
  steps narrow_64 --batch_size=64 --parts $narrow $torch
  steps narrow_256 --batch_size=256 $narrow $torch
  steps narrow_16 --batch_size=16 $narrow $torch
  steps narrow_64_tuned --batch_size=64 --tuned_allocator $narrow $torch
  steps default_64 --batch_size=64 $torch
  steps arrangements_64 --batch_size=64 $narrow --peer=plain \
    --peer=plain-lstm --peer=plain-convolutions --peer=unchunked
  for mode in train forward; do
    run "lstm_$mode" lstm --mode=$mode $timing
  done
  run memory memory --batches=16,64,256,1024
  run pipeline pipeline $timing
  run evaluate evaluate $timing
  run localize localize $timing
  run engines engines
  run faults faults --count=100
  run classical classical --rounds=3 --turn_seconds=1
  run startup startup --config=configs/demo.py
  prepare
  run endurance endurance --config=configs/small.py --batch_size=16
else
  # A card needs no long turns, and its time is dear.
  timing="--rounds=5 --turn_seconds=0.3"
  for batch in 256 64; do
    for precision in tensorfloat32 bfloat16 float32; do
      steps "${precision}_$batch" --precision=$precision \
        --batch_size=$batch $torch
    done
  done
  for batch in 256 64; do
    steps "parts_$batch" --precision=tensorfloat32 --batch_size=$batch --parts \
      --peer=torch
  done
  run memory memory --batches=64,256,1024,4096
  for batch in 1024 64; do
    for mode in train forward; do
      run "lstm_${mode}_$batch" lstm --mode=$mode --batch_size=$batch \
        --precision=tensorfloat32 --peer=cudnn --peer=plain $timing
    done
  done
  # So many patches fill a card, on which all peers lie at once: one at a time,
  # and ours in microbatches.
  for batch in 1024 4096; do
    for peer in torch-compile torch-channels-last torch; do
      for precision in tensorfloat32 bfloat16 float32; do
        steps "${precision}_${batch}_$peer" --precision=$precision \
          --batch_size=$batch --chunk=1024 --peer=$peer
      done
    done
  done
  run pipeline pipeline --batch_size=256 $timing
  run evaluate evaluate --batch_size=256 $timing
  run localize localize $timing
  run startup startup --config=configs/demo.py
  run endurance_resident endurance --batch_size=256 --backend=memory
fi
if [ ${#failed[@]} -gt 0 ]; then
  echo "Failed, see above: ${failed[*]}. Run again for what is missing." >&2
  exit 1
fi
