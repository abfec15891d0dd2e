#!/usr/bin/env bash
# The whole study under SLURM, a job for each run; finished runs are skipped.
#
#   sbatch launch/slurm_sweep.sh casia --config.data.root=FOLDER
#
# 33 jobs are 11 systems with 3 seeds: `manloc sweep casia --list`.
# Beforehand, once: install (`bash launch/test.sh` makes the environment that
# MANLOC_VENV names, .venv by default), and prepare the sets, one of `iou-0.5`
# and one of all other rows, with `--mode=prepare`.
#SBATCH --job-name=manloc-study
#SBATCH --array=0-32
#SBATCH --cpus-per-task=4
#SBATCH --output=slurm-%A_%a.log
set -euo pipefail

cd "${SLURM_SUBMIT_DIR:-$(dirname "${BASH_SOURCE[0]}")/..}"
source "${MANLOC_VENV:-.venv}/bin/activate"
exec manloc sweep "$@" --job="$SLURM_ARRAY_TASK_ID"
