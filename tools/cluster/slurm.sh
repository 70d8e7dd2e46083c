#!/bin/bash
# Trains the blocks of a plan with Slurm and merges them: the coarse scene, then an array job with a task a block, then the
# merge, each waiting for the one before.
#
#     dapple partition CAPTURE PLAN --blocks 3x2
#     tools/cluster/slurm.sh PLAN merged.ply [options of sbatch, as --partition=gpu --gres=gpu:1 --time=8:00:00]
#
# The plan's folder and the capture must be at the same path on every node. A task whose node fails, or that is preempted,
# is queued again (--requeue) and goes on from its last checkpoint: the merged bytes are the same. So is one whose program
# was killed. DAPPLE names the program, `dapple` by default. Logs are in PLAN/logs.
set -eu

if [ "${1:-}" = --task ]; then
    # On a node: train one block, coarse or the n-th of blocks/.
    plan=$2 dapple=$3
    if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
        block=blocks/$(ls "$plan/blocks" | sed -n "$((SLURM_ARRAY_TASK_ID + 1))p")
    else
        block=coarse
    fi
    code=0
    "$dapple" train "$plan/$block" --config "$plan/$block/train.toml" --out "$plan/runs/${block#blocks/}" --resume || code=$?
    # Above 128 the program was ended by a signal: for memory, or from outside.
    if [ "$code" -gt 128 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 10 ]; then
        if [ -n "${SLURM_ARRAY_JOB_ID:-}" ]; then job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; else job=$SLURM_JOB_ID; fi
        exec scontrol requeue "$job"
    fi
    exit "$code"
fi

if [ $# -lt 2 ] || [ ! -f "$1/plan.json" ]; then
    echo "usage: $0 PLAN OUT [options of sbatch]; PLAN is a folder that dapple partition wrote" >&2
    exit 2
fi
plan=$(realpath "$1") out=$(realpath "$2") self=$(realpath "$0") dapple=${DAPPLE:-dapple}
shift 2
mkdir -p "$plan/logs" "$plan/runs"
last=$(($(ls "$plan/blocks" | wc -l) - 1))

submit() { sbatch --parsable --requeue --open-mode=append --kill-on-invalid-dep=yes "$@"; }

coarse=$(submit --job-name=dapple-coarse --output="$plan/logs/coarse.log" "$@" "$self" --task "$plan" "$dapple")
blocks=$(submit --job-name=dapple-blocks --output="$plan/logs/block-%a.log" --array="0-$last" \
    --dependency="afterok:$coarse" "$@" "$self" --task "$plan" "$dapple")
merge=$(submit --job-name=dapple-merge --output="$plan/logs/merge.log" --dependency="afterok:$blocks" "$@" \
    --wrap "'$dapple' merge '$plan' '$out'")
echo "submitted: coarse $coarse, blocks $blocks[0-$last], merge $merge; squeue shows them, $plan/logs what they say"
