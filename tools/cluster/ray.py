#!/usr/bin/env python3
"""Trains the blocks of a plan on a Ray cluster, one task a block, and merges them.

    dapple partition CAPTURE PLAN --blocks 3x2
    pip install ray
    tools/cluster/ray.py PLAN merged.ply

The plan's folder and the capture must be at the same path on every node: a network file system. A task asks for one GPU
(--gpus 0 for software adapters) and is tried again where its worker or node dies; a block then goes on from its last
checkpoint, and ends with the bytes that it would have had. Ray's dashboard shows the tasks; each block's log is
PLAN/runs/BLOCK.log. A command that fails by itself, with an error of one line, is not tried again.
"""

import argparse
import json
import os
import signal
import subprocess
import sys

# Not this file, whose folder Python looks in first.
sys.path = [path for path in sys.path if os.path.realpath(path or ".") != os.path.dirname(os.path.realpath(__file__))]
import ray  # noqa: E402


def train(dapple, plan, block):
    """Trains a block to its end, from its checkpoint if it has one; the block's name."""
    run = os.path.join(plan, block["run"])
    command = [dapple, "train", os.path.join(plan, block["capture"]), "--out", run, "--resume"]
    command += ["--config", os.path.join(plan, block["capture"], "train.toml")]
    os.makedirs(os.path.dirname(run), exist_ok=True)
    with open(run + ".log", "a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_worker)
        code = process.wait()
    if code < 0 or code == 130:
        # Killed, by a scheduler or for memory: worth another try.
        os.kill(os.getpid(), signal.SIGKILL)
    if code != 0:
        with open(run + ".log") as log:
            lines = log.read().strip().splitlines()
        raise RuntimeError(f"the block {block['name']}: {lines[-1] if lines else f'exit code {code}'}")
    return block["name"]


def die_with_worker():
    """On Linux the training ends with the worker that started it: two of one block would write the same run."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("plan", help="folder that dapple partition wrote")
    options.add_argument("out", help="merged scene to write")
    options.add_argument("--address", help="Ray cluster; a local one is started without it")
    options.add_argument("--gpus", type=float, default=1, help="GPUs of a block [default: 1]")
    options.add_argument("--cpus", type=float, default=1, help="CPU cores of a block [default: 1]")
    options.add_argument("--workers", type=int, help="CPU cores of a local cluster [default: all]")
    options.add_argument("--retries", type=int, default=10, help="retries of a block [default: 10]")
    options.add_argument("--dapple", default="dapple", help="the program, on every node [default: dapple]")
    given = options.parse_args()

    plan = os.path.abspath(given.plan)
    try:
        with open(os.path.join(plan, "plan.json")) as file:
            content = json.load(file)
    except OSError as error:
        sys.exit(f"error: {error}; dapple partition makes a plan")
    local = {"num_cpus": given.workers} if given.workers and not given.address else {}
    ray.init(address=given.address, **local)

    task = ray.remote(train)
    request = {"num_gpus": given.gpus, "num_cpus": given.cpus, "max_retries": given.retries}

    def start(block):
        return task.options(name=f"block {block['name']}", **request).remote(given.dapple, plan, block)

    try:
        print(ray.get(start(content["coarse"])), "done", flush=True)
        waiting = [start(block) for block in content["cells"]]
        while waiting:
            done, waiting = ray.wait(waiting)
            print(ray.get(done[0]), "done,", len(waiting), "left", flush=True)
    except ray.exceptions.RayError as error:
        sys.exit(f"error: {str(error).strip().splitlines()[-1]}; run the same command again to go on")
    sys.exit(subprocess.call([given.dapple, "merge", plan, given.out]))


if __name__ == "__main__":
    main()
