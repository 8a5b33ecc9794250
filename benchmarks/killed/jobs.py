"""A search of several processes under torchrun whose leading one is killed: torchrun starts all of them again, or,
where it may not, ends; then the same command goes on."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from killed.answers import answer, differences, journals
from killed.child import CACHE, PATIENCE, SAID
from killed.trial import Trial, Undisturbed, command, fresh
from killed.works import JOB, ROOT

LONGEST = 600.0  # seconds of a job


def tried(made: Path, folder: Path, usual: Undisturbed, luck: random.Random, restarts: int) -> Trial:
    """Kill the leading process of a search of two at a random moment of its work. restarts: how often torchrun may
    start them again."""
    trial = Trial()
    fresh(JOB, made, folder)
    words = [
        "--standalone",
        "--nproc-per-node",
        "2",
        "--max-restarts",
        str(restarts),
        "-m",
        "spacelang",
        *JOB.words,
    ]
    roots = os.pathsep.join([str(ROOT), str(ROOT / "runtime")])
    where = {"PYTHONPATH": roots, "SPACELANG_CACHE": str(folder / CACHE)}
    with open(folder.parent / SAID, "wb") as said:
        job = subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", *words],
            cwd=folder,
            env=os.environ | where,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        leader = _leader(folder, job)
        if leader is None:
            trial.findings.append("nobody took the lock")
        else:
            time.sleep(luck.uniform(0, usual.seconds))
            trial.kills += job.poll() is None
            try:
                os.kill(leader, signal.SIGKILL)
            except ProcessLookupError:
                trial.kills = 0
        killed, before = time.monotonic(), journals(folder)
        try:
            code = job.wait(LONGEST)
        except subprocess.TimeoutExpired:
            trial.findings.append("the job does not end")
            os.killpg(job.pid, signal.SIGKILL)
            code = job.wait()
        trial.slowest = time.monotonic() - killed
    if code != 0 and restarts:
        heard = (folder.parent / SAID).read_text(errors="replace")
        trial.findings.append(f"{shlex.join(words)} ended with {code}: {heard[-600:]}")
    if _left(job.pid):
        trial.findings.append("processes were left running")
    after = journals(folder)
    if any(after.get(name, 0) < images for name, images in before.items()):
        trial.findings.append("a score is gone")
    if code != 0 and command(folder, JOB.words, None, signal.SIGKILL).code:
        trial.findings.append("the same command does not go on")
    trial.findings += differences(usual.answer, answer(folder))
    return trial


def _leader(folder: Path, job: subprocess.Popen[bytes]) -> int | None:
    """The process that writes the run, once there is one, by its lock; None where the job ends before."""
    lock = folder / "runs" / "tiny-1" / "lock"
    while job.poll() is None:
        try:
            return int(json.loads(lock.read_text())["process"])
        except (OSError, ValueError):
            time.sleep(0.005)
    return None


def _left(session: int) -> bool:
    """Whether processes of a session are still there after a while."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if not any(_session(path) == session for path in Path("/proc").glob("[0-9]*/stat")):
            return False
        time.sleep(0.1)
    return True


def _session(stat: Path) -> int | None:
    """The session of a process that lives."""
    try:
        state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
    except (OSError, ValueError):
        return None
    return None if state == "Z" else int(session)
