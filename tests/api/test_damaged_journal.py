"""A journal of one's own scores that is damaged is refused in one message, which names it."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

import spacelang as sl

SMALL = {"population": 6, "parents": 2, "generations": 3, "crossover": 2, "mutation": 2}
ASKED = 14


@pytest.fixture(scope="module")
def whole(space: sl.Space, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "own.sqlite"
    found = sl.search(space, lambda one: one.depth + one.flops / 1e9, candidates=12, settings=SMALL, journal=path)
    assert len(found.scored) == 12
    return path


def opened(space: sl.Space, path: Path) -> None:
    with sl.Searcher(space, candidates=ASKED, settings=SMALL, journal=path) as searcher:
        searcher.ask()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE answer SET score = '[1e999]' WHERE number = 3",
        "UPDATE answer SET score = '{}' WHERE number = 3",
        "UPDATE answer SET score = '[1, 2]' WHERE number = 3",
        "UPDATE answer SET score = '[]' WHERE number = 3",
        "UPDATE answer SET score = '" + "[" * 5000 + "' WHERE number = 3",
        "UPDATE answer SET score = 7 WHERE number = 3",
        "UPDATE answer SET line = 'nothing' WHERE number = 3",
        "UPDATE answer SET line = X'00ff' WHERE number = 3",
        "UPDATE candidate SET line = 'i8-p2-c10/16:h2q16m2w2' WHERE place = 1",
        "UPDATE candidate SET parents = '[3]' WHERE place = 1",
        "UPDATE candidate SET generation = 99 WHERE place = 5",
        "UPDATE generation SET kept = '[\"nothing\"]' WHERE generation = 1",
        "UPDATE generation SET answers = 99 WHERE generation = 1",
        "UPDATE generation SET fresh = -1 WHERE generation = 1",
        "UPDATE generation SET generation = 77 WHERE generation = 0",
        "DELETE FROM answer WHERE number < 9",
        "DROP TABLE answer",
    ],
)
def test_what_was_never_written_there_is_refused(change: str, space: sl.Space, whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(whole, tmp_path / "own.sqlite"))
    with sqlite3.connect(path) as database:
        database.execute(change)
    database.close()
    with pytest.raises(sl.Failure) as refused:
        opened(space, path)
    assert "own.sqlite" in refused.value.message
    assert refused.value.remedy
    with sqlite3.connect(path, timeout=0) as database:  # it was let go
        database.execute("PRAGMA user_version = 1")
    database.close()


def test_bytes_that_are_others_raise_nothing_else(space: sl.Space, whole: Path, tmp_path: Path) -> None:
    dice, right = random.Random(0), whole.read_bytes()
    path = tmp_path / "own.sqlite"
    refused: list[str] = []
    for _ in range(60):
        content = bytearray(right)
        for _ in range(dice.randint(1, 8)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        path.write_bytes(content[: dice.randrange(len(content))] if dice.random() < 0.3 else content)
        for left in tmp_path.glob("own.sqlite-*"):
            left.unlink()
        try:
            opened(space, path)
        except sl.Failure as failure:
            refused.append(failure.message)
    assert len(refused) > 5
    assert all("own.sqlite" in message for message in refused)
