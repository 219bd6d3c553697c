# shellcheck shell=bash
# What differs from site to site. Every job script here reads it: adapt this one file, and the headers of those you use.

# module load python openmpi                # the modules `make venv MPI=site` was run with
# export SLURM_MPI_TYPE=pmix                # how srun starts your MPI: pmix (Open MPI) or pmi2 (MPICH, Intel, Cray);
                                            # leave it out where `srun --mpi=list` has the right default
export NSIM_BIN=${NSIM_BIN:-.venv/bin}      # where the commands are, seen from where you submit
export NUMBA_CACHE_DIR=${NUMBA_CACHE_DIR:-${SLURM_TMPDIR:-/tmp}/nsim-kernels-$UID} # node-local: compiled once a node

# Ends a job as nsim has ended it: 85, stopped in time, goes back into the queue and continues where it stopped; 3, done
# but for some states that did not converge and are left out of averages, counts as done for jobs that depend on it.
finish() {
  case $1 in
    85) scontrol requeue "${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}"
        exit 85 ;;
    3) exit 0 ;;
    *) exit "$1" ;;
  esac
}
