"""A seeded search asks for the same networks in every version: what a search that was begun by another one goes on
with, and what a published result can be repeated by."""

import sqlite3
from hashlib import sha256
from pathlib import Path

import attrs
import pytest
from searching import RECIPE, Pretender, new_run, searched

from spacelang.check import compile_text
from spacelang.lower.lowered import lower
from spacelang.resources import folder
from spacelang.source import read
from spacelang_runtime.search.algorithms import Algorithm
from spacelang_runtime.search.candidate import Candidate, Result
from spacelang_runtime.search.evolution import Evolution
from spacelang_runtime.search.evolve import Method


def merit(candidate: Candidate) -> Result:
    """Fewer MLP channels where it is wide; less is better, and nothing is known of its error."""
    layers = [(stage.embed, layer) for stage in candidate.architecture.stages for layer in stage.layers]
    value = sum(float(layer.mlp) * (1 + embed % 48) - layer.heads % 3 for embed, layer in layers) / len(layers)
    return Result(value, images=100, correct=50)


def digest_of(rows: object) -> str:
    return sha256(repr(rows).encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("paper", "87dba6492f806f69"),
        ("predictor", "231af7f58f8ac326"),
        ("regularized", "d3970e3acaf2f353"),
        ("nsga2", "845949e227afcca7"),
    ],
)
def test_generations_of_mini(algorithm: Algorithm, expected: str) -> None:
    space = compile_text(read(folder("spaces") / "mini.space")).space
    assert space is not None
    recipe = attrs.evolve(space.evolve, population=30, parents=8, generations=4, crossover=12, mutation=12, seed=3)
    evolution, asked = Evolution(lower(space), recipe, algorithm), []
    while not evolution.finished:
        candidates = evolution.ask()
        asked += [(one.digest, one.operator, one.parents) for one in candidates]
        evolution.tell(candidates, {one.digest: merit(one) for one in candidates})
    assert digest_of(asked) == expected


def test_the_journal_of_a_search_of_digits(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    outcome = searched(run, Pretender(), Method(), attrs.evolve(RECIPE, population=30))
    assert outcome.doubts < RECIPE.generations
    database = sqlite3.connect(run.folder / "journal.sqlite")
    tables = (
        "generation, place, architecture, operator, parents, costs, images, correct, loss FROM candidate",
        "generation, best, spent, saved, parents, images, loss FROM generation",
        "place, architecture, images, correct, loss, low, high FROM finalist",
    )
    found = [database.execute(f"SELECT {table} ORDER BY 1, 2").fetchall() for table in tables]
    assert digest_of(found) == "3477f19dcfda02d2"
