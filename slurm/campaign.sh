#!/bin/bash
# A whole campaign, unattended: the run, which requeues itself until it is done, then the report.
#   slurm/campaign.sh SCRIPT RUN.toml DIR [OPTIONS OF SBATCH ...]
#   slurm/campaign.sh slurm/ensemble.sbatch examples/quickstart.toml runs/quickstart --nodes=1
# Prints the numbers of the two jobs. If the run fails, the report is not made, and its job leaves the queue.
set -euo pipefail

usage="usage: slurm/campaign.sh SCRIPT RUN.toml DIR [OPTIONS OF SBATCH ...]"
script=${1:?$usage}
run_file=${2:?$usage}
directory=${3:?$usage}
shift 3

mkdir -p "$directory"
log="$directory/slurm-%j.log"
run=$(sbatch --parsable --output="$log" "$@" "$script" "$run_file" "$directory")
report=$(sbatch --parsable --output="$log" --dependency="afterok:${run%%;*}" --kill-on-invalid-dep=yes \
  slurm/report.sbatch "$run_file" "$directory")
echo "${run%%;*} ${report%%;*}"
