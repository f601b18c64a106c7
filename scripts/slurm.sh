#!/usr/bin/env bash
# An experiment on a Slurm cluster: eight tasks share its runs, and then a job does what failed tasks have left, and
# concludes. snr-bench is on the PATH, and the folder is one that all nodes see and lock (`run --help`, --part):
#
#   array=$(sbatch --parsable --array=0-7 --cpus-per-task=8 --time=4:00:00 scripts/slurm.sh configs/tuned.toml)
#   sbatch --dependency=afterany:"$array" --cpus-per-task=8 --time=4:00:00 scripts/slurm.sh configs/tuned.toml
#
# Options of sbatch stand before the script, those of `snr-bench run` after it, the same on both lines. A task is requeued
# - near its time limit: the program gets SIGTERM, writes a checkpoint, and later goes on from there;
# - where the rest is in work elsewhere, or is the next stage of [tune] (exit code 4): it leaves its node, and looks again
#   two minutes later. So every stage is shared by all tasks.
# The array is over, and the second job begins, when no task finds anything to do any more.
#SBATCH --job-name=snr-bench
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
set -u

job=$SLURM_JOB_ID
if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID # the SLURM_JOB_ID of one of the tasks also means all of them
    set -- "$@" --part "$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN + 1))/$SLURM_ARRAY_TASK_COUNT"
fi
again() { exec scontrol requeue "$job"; }

# Near the limit Slurm sends SIGUSR1, to this shell alone. When a job is cancelled, requeued or preempted, Slurm sends
# SIGTERM to the program too; another one would end it before its checkpoint.
trap 'kill "$program"; wait "$program"; again' USR1
trap 'wait "$program"; exit 143' TERM

snr-bench run "$@" --threads "$SLURM_CPUS_ON_NODE" &
program=$!
wait "$program"
code=$?
[ "$code" = 4 ] && again
exit "$code"
