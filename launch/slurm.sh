#!/usr/bin/env bash
# Trains one run on several GPUs or machines under SLURM, and goes on with it
# after a preemption; docs/cluster.md.
#
#   sbatch --nodes=2 --gpus-per-node=4 --ntasks-per-node=4 \
#       launch/slurm.sh configs/casia.py --config.data.root=FOLDER
#
# One task for each GPU, or for each machine without GPUs. The folder of this
# repository, the environment, the data and the run's folder lie on a file
# system that all machines share. Beforehand, once: install, as for
# launch/slurm_sweep.sh.
#   MANLOC_VENV       the environment's folder, by default .venv
#   MANLOC_RESTARTS   how often the job starts itself again, by default 20
#SBATCH --job-name=manloc
#SBATCH --cpus-per-task=4
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@120
#SBATCH --output=slurm-%j.log
set -uo pipefail

if [ $# -lt 1 ]; then
  echo "Usage: sbatch launch/slurm.sh CONFIG [--flag=value ...]" >&2
  exit 2
fi
config="$1"
shift
cd "${SLURM_SUBMIT_DIR:-$(dirname "${BASH_SOURCE[0]}")/..}" || exit 2
# shellcheck source=/dev/null
source "${MANLOC_VENV:-.venv}/bin/activate" || exit 2

# Each process sees all GPUs of its machine, and takes the one of its number.
srun --kill-on-bad-exit=0 --gpu-bind=none \
  python -m manloc_jax.main --config="$config" --distributed "$@"
code=$?

case "$code" in
  0 | 1 | 2) exit "$code" ;; # Done, a bug, or impossible: not to be repeated.
esac
if [ "${SLURM_RESTART_COUNT:-0}" -ge "${MANLOC_RESTARTS:-20}" ]; then
  echo "Ended with $code after $SLURM_RESTART_COUNT restarts; giving up." >&2
  exit "$code"
fi
echo "Ended with $code; the job is queued again and goes on." >&2
scontrol requeue "$SLURM_JOB_ID"
