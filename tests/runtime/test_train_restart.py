"""A process that dies: torchrun starts all of them again, and the run goes on from its last checkpoint."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spacelang_runtime.engine import checkpoint
from spacelang_runtime.engine.run import every, find

ROOT = Path(__file__).resolve().parents[2]
DIGITS = str(ROOT / "spaces" / "digits.space")
STEPS = 60


def processes(parent: int) -> dict[str, int]:
    """The processes that torchrun has started, by rank."""
    found = {}
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        words = Path(f"/proc/{child}/environ").read_bytes().decode().split("\0")
        found |= {word.removeprefix("RANK="): int(child) for word in words if word.startswith("RANK=")}
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in /proc")
def test_a_killed_process_costs_no_more_than_the_steps_since_the_last_checkpoint(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "1"]
    command += [
        "-m",
        "spacelang",
        "train",
        DIGITS,
        "--device",
        "cpu",
        "--steps",
        str(STEPS),
        "--every",
        "0.1s",
        "--shard",
    ]
    with open(tmp_path / "said", "w") as file:
        torchrun = subprocess.Popen(command, cwd=tmp_path, stderr=file)
    while torchrun.poll() is None and not list(tmp_path.glob("runs/*/checkpoint.pt")):
        time.sleep(0.05)
    os.kill(processes(torchrun.pid)["0"], signal.SIGKILL)
    killed = time.time()
    code, said = torchrun.wait(120), (tmp_path / "said").read_text()

    assert code == 0, said
    assert "digits-1 goes on from its last checkpoint (restart 1)" in said
    (run,) = every(tmp_path / "runs")
    assert run == find(tmp_path / "runs")
    kept = checkpoint.load(run.checkpoint, run.space)
    assert kept.state.step == STEPS
    assert run.checkpoint.stat().st_mtime > killed
    events = sorted((run.tensorboard).iterdir())
    assert len(events) == 2, "the second part of the run wrote its own"
