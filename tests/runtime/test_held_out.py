"""A run's held-out photos are read once, by the looks of its training or by its first search."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from image_folder import image_folder

DIGITS = str(Path(__file__).resolve().parents[2] / "spaces" / "digits.space")
FEW = ("--set", "population=4", "--set", "parents=2", "--set", "generations=1", "--set", "crossover=2")
logs: list[Path] = []


def hook(event: str, words: tuple[object, ...]) -> None:
    """Keep the name of every picture that this process, or one that it has forked, opens."""
    if logs and event == "open" and str(words[0]).endswith(".png"):
        file = os.open(logs[-1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{words[0]}\n".encode())
        os.close(file)


sys.addaudithook(hook)


@pytest.fixture
def opens(tmp_path: Path):
    """The pictures opened since it was asked last."""
    logs.append(tmp_path / "opened.txt")

    def asked() -> list[str]:
        found = logs[-1].read_text().splitlines() if logs[-1].exists() else []
        logs[-1].unlink(missing_ok=True)
        return found

    yield asked
    logs.pop()


def test_a_second_search_reads_no_held_out_file(spacelang, opens, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "cache"))
    image_folder(tmp_path / "photos", train=20)
    made = spacelang(
        "train", DIGITS, "--data", "photos", "--steps", "2", "--set", "batch=8", "--set", "holdout=0.5"
    )
    assert made.code == 0, made.err
    assert opens()
    first = spacelang("evolve", *FEW)
    assert first.code == 0, first.err
    assert opens() == [], "so few have all been looked at while it trained"
    for words in (
        ("evolve", *FEW, "--set", "seed=1"),
        ("judge", "--set", "samples=4", "--set", "top=1", "--set", "per_choice=1"),
    ):
        again = spacelang(*words)
        assert again.code == 0, again.err
        assert opens() == []
    assert spacelang("eval", "largest").code == 0
    assert {Path(name).parents[1].name for name in opens()} == {"val"}
