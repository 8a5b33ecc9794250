"""A search survives: `python benchmarks/killed.py` kills one of digits a hundred times by SIGKILL, each time at a
random moment. No image known may be looked at again, the journal must be whole, and the answer that of a search
that was left alone.

Each process is a fork of this one, which has loaded what takes long, so that kills fall into the search.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from spacelang_runtime.search.scoring import Scorer

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100, help="kills")
    parser.add_argument("words", nargs="*", help="of evolve, after --: such as -- --algorithm paper --exact")
    words = parser.parse_args()
    print(json.dumps(kill(words.times, words.words), indent=2))


def kill(times: int, words: list[str]) -> dict[str, object]:
    """Kill a search by these words so many times. One that comes to its end is begun anew."""
    torch.set_num_threads(1)
    luck = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "spacelang", "train", str(ROOT / "spaces" / "digits.space")]
        subprocess.run(
            [*command, "--steps", "40", "--set", "batch=32"], cwd=folder, check=True, capture_output=True
        )
        os.chdir(folder)
        shutil.copytree("runs", "fresh")
        began = time.monotonic()
        _end(_forked("whole.log", words))
        whole = time.monotonic() - began
        expected = json.loads(Path("runs/digits-1/best.json").read_text())
        killed = ended = 0
        while killed < times:
            shutil.rmtree("runs")
            shutil.copytree("fresh", "runs")
            looked: set[str] = set()
            while True:
                Path("looked.log").write_text("")
                known = _known()
                child = _forked("looked.log", words)
                # About six kills a search; some fall before its first score, some after its last.
                done = (0, 0)
                deadline = time.monotonic() + luck.uniform(0, whole / 3)
                while time.monotonic() < deadline and not (done := os.waitpid(child, os.WNOHANG))[0]:
                    time.sleep(0.001)
                over = done[0] == child
                assert not over or os.waitstatus_to_exitcode(done[1]) == 0, Path("said.log").read_text()
                if not over and killed < times:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    killed += 1
                elif not over:
                    _end(child)
                    over = True
                now = [(name, int(at)) for name, at in map(str.split, Path("looked.log").read_text().splitlines())]
                for name, at in now:
                    assert at >= known.get(name, 0), "an image that was in the journal was looked at again"
                assert len(now) == len(set(now)), "a network was looked at twice on the same images"
                after = _known()
                assert all(after.get(name, 0) >= images for name, images in known.items()), "a score is gone"
                looked |= {name for name, _ in now}
                if over:
                    break
            assert json.loads(Path("runs/digits-1/best.json").read_text()) == expected, "another answer"
            assert looked >= _known().keys()
            ended += 1
        os.chdir(ROOT)
    return {"kills": killed, "searches that came to their end": ended, "seconds of one left alone": round(whole, 1)}


def _known() -> dict[str, int]:
    """On how many images the journal holds each network; that it is whole is seen on the way."""
    path = Path("runs/digits-1/journal.sqlite")
    if not path.exists():
        return {}
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if not database.execute("PRAGMA user_version").fetchone()[0]:
            return {}
        return dict(database.execute("SELECT architecture, images FROM score"))


def _forked(log: str, words: list[str]) -> int:
    """A process that searches, and writes down each network that it begins to look at."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        judge = Scorer.judge

        def noted(self, task, stretch):
            os.write(descriptor, f"{task.digest} {len(task.known)}\n".encode())
            return judge(self, task, stretch)

        Scorer.judge = noted
        sys.argv = ["spacelang", "evolve", "digits-1", "--device", "cpu", *words]
        from spacelang.cli import main as command

        with open("said.log", "w") as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            command()
        code = 0
    except SystemExit as end:
        code = 0 if end.code in (None, 0) else 1
    finally:
        os._exit(code)


def _end(child: int) -> None:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "a search failed"


if __name__ == "__main__":
    main()
