"""Commands that are killed: one of each kind, of the hundreds of `python benchmarks/kills.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spacelang.cli.commands import COMMANDS
from spacelang_runtime.tasks.transfer.run import TASKS

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from killed.answers import answer, differences  # noqa: E402
from killed.works import BRIEF, WORKS  # noqa: E402


def test_every_command_that_writes_is_killed() -> None:
    assert {work.words[0] for work in WORKS.values()} == COMMANDS.keys() - set(BRIEF)
    assert {work.words[1] for work in WORKS.values() if work.words[0] == "transfer"} == set(TASKS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_command_of_each_kind_that_is_killed_ends_as_one_that_was_left_alone(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "kills.py"), "--kills", "1", "--signals", "SIGKILL"]
    done = subprocess.run([*command, "--into", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "kills.json").read_text())
    assert {key: (one["kills"], one["findings"]) for key, one in results.items()} == {
        f"{kind} SIGKILL": (1, []) for kind in WORKS
    }


def test_answers_differ_where_something_is_lost_and_not_by_clocks_and_numbers_of_runs(tmp_path: Path) -> None:
    def run(folder: Path, name: str, step: int, at: str) -> Path:
        place = folder / "runs" / name
        place.mkdir(parents=True)
        (place / "run.json").write_text(json.dumps({"name": name, "created": at, "step": step}))
        return folder

    def learned(folder: Path, name: str) -> Path:
        import torch

        torch.save({"weights": torch.ones(2)}, folder / "runs" / name / "checkpoint.pt")
        return folder

    whole = answer(learned(run(tmp_path / "a", "tiny-1", 3, "2026-01-01"), "tiny-1"))
    assert whole.keys() == {"runs/tiny-1/run.json", "runs/tiny-1/checkpoint.pt"}
    again = learned(run(run(tmp_path / "b", "tiny-1", 0, "2026-01-02"), "tiny-2", 3, "2026-01-03"), "tiny-2")
    assert differences(whole, answer(again)) == []
    other = learned(run(tmp_path / "c", "tiny-1", 2, "2026-01-04"), "tiny-1")
    assert differences(whole, answer(other)) == ["/runs/tiny-1/run.json/step: 3 | 2"]
    (again / "runs" / "tiny-2" / "checkpoint.pt").unlink()
    assert len(differences(whole, answer(again))) == 2
