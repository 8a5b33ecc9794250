"""A search by one's own score: whoever answers, whenever, it stays inside its bounds and loses no answer."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spacelang as sl
from spacelang.api.journal import SearcherJournal
from spacelang_runtime.search.algorithms import Algorithm
from spacelang_runtime.search.candidate import Goals, Result
from spacelang_runtime.search.evolution import Evolution

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"population": 10, "parents": 4, "generations": 4, "crossover": 5, "mutation": 5}


def worth(architecture: sl.Architecture) -> float:
    """Deep and narrow is good: what a network is worth follows from its layers alone."""
    stages = architecture.network.stages
    return sum(float(layer.mlp) * layer.heads for stage in stages for layer in stage.layers) / stages[0].embed


@pytest.fixture(scope="module")
def large() -> sl.Space:
    return sl.load("spaces/autoformer_tiny.space")


@pytest.mark.parametrize("algorithm", ["paper", "random", "regularized", "nsga2", "predictor"])
def test_one_worker_walks_the_way_of_the_algorithm(large: sl.Space, algorithm: Algorithm) -> None:
    """The same networks in the same order as the search over a supernet, and the same winner."""
    several = algorithm == "nsga2"

    def score(architecture: sl.Architecture) -> float | tuple[float, float]:
        count = int(worth(architecture) * 10_000)
        return (count, architecture.flops) if several else count

    searcher = sl.Searcher(large, settings=SMALL, algorithm=algorithm, direction=_ways(several), seed=5)
    evolution = Evolution(
        large.lowered, searcher.recipe, algorithm, Goals(("accuracy", "flops") if several else ("accuracy",))
    )
    asked: dict[str, sl.Architecture] = {}
    while not evolution.finished:
        candidates = evolution.ask()
        asked |= {c.digest: sl.Architecture(c.architecture) for c in candidates}
        counts = {c.digest: int(worth(sl.Architecture(c.architecture)) * 10_000) for c in candidates}
        evolution.tell(candidates, {name: Result(-count, correct=count) for name, count in counts.items()})
    order = []
    while batch := searcher.ask():
        order += batch
        searcher.tell(batch[0], score(batch[0]))
    assert order == list(asked.values())
    assert searcher.found().best.network == evolution.ranked()[0].architecture


def _ways(several: bool) -> tuple[str, ...]:
    return ("maximize", "minimize") if several else ("maximize",)


def test_networks_are_different_and_inside_the_bounds(space: sl.Space) -> None:
    found = sl.search(space, worth, flops="200K..300K", candidates=120, seed=1)
    rows = found.records()
    assert len({row["line"] for row in rows}) == len(rows) == 120
    assert all(200_000 <= row["flops"] <= 300_000 for row in rows)
    assert found.score == max(row["score"] for row in rows)
    drawn = sl.search(space, worth, flops="200K..300K", candidates=120, seed=1, algorithm="random")
    assert found.score > drawn.score


def test_a_lower_score_is_better_where_it_is_minimized(space: sl.Space) -> None:
    found = sl.search(space, worth, candidates=60, direction="minimize", settings=SMALL)
    assert found.score == min(row["score"] for row in found.records())


def test_scores_of_several_goals_make_a_front(space: sl.Space) -> None:
    found = sl.search(
        space,
        lambda one: (worth(one), one.params),
        candidates=80,
        direction=("maximize", "minimize"),
        settings=SMALL,
    )
    front = [one.score for one in found.front]
    assert len(front) > 1
    for worth_, params in front:
        rows = found.records()
        assert not any(r["score 1"] >= worth_ and r["score 2"] < params for r in rows)


def test_eight_workers_answer_late_twice_wrongly_or_never(space: sl.Space) -> None:
    """Each works on what it was handed; some die with it. No network is handed out twice, and the search ends."""
    searcher = sl.Searcher(space, candidates=150, settings=SMALL, flops="300K")
    handed: list[str] = []
    lost: list[str] = []
    lock = threading.Lock()

    def work(number: int) -> None:
        dice = random.Random(number)
        held: list[sl.Architecture] = []
        while batch := searcher.ask(dice.randint(1, 3)):
            with lock:
                handed.extend(one.line for one in batch)
            held += batch
            dice.shuffle(held)
            while len(held) > 2:
                one = held.pop()
                fate = dice.random()
                if fate < 0.1:
                    lost.append(one.line)
                    continue
                searcher.tell(one, float("nan") if fate < 0.2 else worth(one))
                if fate > 0.8:
                    assert not searcher.tell(one, 1e9)
        for one in held:
            searcher.tell(one, worth(one))

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(8)))
    assert len(handed) == len(set(handed)) == 150
    assert sorted(one.line for one in searcher.pending) == sorted(lost)
    assert searcher.ask() == ()
    found = searcher.found()
    assert len(found.scored) == 150 - len(lost)
    assert found.score == max(worth(one.architecture) for one in found.scored if one.score is not None)
    assert all(one.costs["flops"] <= 300_000 for one in found.scored)
    assert not searcher.finished
    for line in lost:  # better late than never
        searcher.tell(line, 0.0)
    assert searcher.finished


def test_a_generation_goes_on_from_the_answers_that_have_come(space: sl.Space) -> None:
    searcher = sl.Searcher(space, candidates=500, settings=SMALL)
    assert len(searcher.ask(60)) == 60  # more than a generation, and not one answer
    assert len(searcher.pending) == 60


def test_two_searchers_in_two_threads_are_each_as_alone(space: sl.Space) -> None:
    def run(seed: int) -> list[dict[str, object]]:
        return sl.search(space, worth, candidates=60, settings=SMALL, seed=seed).records()

    alone = [run(1), run(2)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(run, (1, 2))) == alone


def test_a_small_space_is_searched_to_its_end(space: sl.Space) -> None:
    inside = space.count(flops="30K")
    assert 20 < inside < 300
    found = sl.search(space, worth, flops="30K", candidates=inside + 50, settings=SMALL)
    assert len(found.scored) == inside
    few = sl.load("spaces/s3_tiny.space")
    assert len(sl.search(few, worth, candidates=9).scored) == 1


def test_what_one_knows_already_can_be_told(space: sl.Space) -> None:
    searcher = sl.Searcher(space, flops="300K", candidates=40, settings=SMALL)
    known = space.sample(1, flops="300K", seed=9)[0]
    assert searcher.tell(known.line, 1e6)
    while batch := searcher.ask(4):
        assert known not in batch
        for one in batch:
            searcher.tell(one, worth(one))
    assert searcher.found().best == known
    assert len(searcher.found().scored) == 41
    with pytest.raises(sl.Failure, match="outside the bounds"):
        searcher.tell(space.largest, 1.0)
    with pytest.raises(sl.Failure, match="does not hold"):
        searcher.tell("i8-p2-c10/9000:h2q16m2w2", 1.0)


def test_a_network_that_failed_may_have_its_score_later(space: sl.Space) -> None:
    searcher = sl.Searcher(space, candidates=5)
    one = searcher.ask()[0]
    assert searcher.tell(one, None)
    assert not searcher.tell(one, None)
    with pytest.raises(sl.Failure, match="no network has a score"):
        _ = searcher.found().best
    assert searcher.tell(one, 3)
    assert searcher.found().score == 3.0
    assert len(searcher.found().records()) == 1


def test_what_is_no_score_is_refused(space: sl.Space) -> None:
    searcher = sl.Searcher(space, candidates=5, direction=("maximize", "minimize"))
    (one,) = searcher.ask()
    with pytest.raises(TypeError, match="no score"):
        searcher.tell(one, "good")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="2 numbers, not 1"):
        searcher.tell(one, 3.0)
    for other in ("12", b"12", {0.5: 1, 0.7: 2}, 10**400):  # each of which Python makes numbers of
        with pytest.raises(TypeError, match="score"):
            searcher.tell(one, other)  # type: ignore[arg-type]
    with pytest.raises(sl.NotAnOption, match="direction: 'up' is no direction"):
        sl.Searcher(space, direction="up")  # type: ignore[arg-type]
    for none in ((), None, 3):
        with pytest.raises(sl.NotAnOption, match="is no direction"):
            sl.Searcher(space, direction=none)  # type: ignore[arg-type]
    for algorithm in ("paper", "regularized", "predictor"):  # before any network is scored
        with pytest.raises(sl.NotAnOption, match="after one number, and here are 2 directions"):
            sl.Searcher(space, direction=("maximize", "minimize"), algorithm=algorithm)
    for word, value in {"candidates": 0, "seed": -1}.items():
        with pytest.raises(sl.NotAnOption, match=f"{word}: it is a whole number"):
            sl.Searcher(space, **{word: value})
    with pytest.raises(sl.NotAnOption, match=r"number: it is a whole number from 0, and not 1\.5"):
        searcher.ask(1.5)  # type: ignore[arg-type]
    with pytest.raises(sl.Failure, match="after one number"):
        sl.search(space, lambda _: (1, 2), algorithm="paper")
    with pytest.raises(sl.Failure, match="no algorithm"):
        sl.Searcher(space, algorithm="best")  # type: ignore[arg-type]
    with pytest.raises(sl.Failure, match="popluation"):
        sl.Searcher(space, settings={"popluation": 3})
    with pytest.raises(sl.Failure, match="no network has flops"):
        sl.Searcher(space, flops=10)


def test_an_array_of_numbers_is_a_score_of_several_goals(space: sl.Space) -> None:
    searcher = sl.Searcher(space, direction=("maximize", "minimize"))
    one, other = searcher.ask(2)
    assert searcher.tell(one, np.array([0.5, 2.0]))
    assert searcher.scored(one).score == (0.5, 2.0)
    with pytest.raises(ValueError, match="2 numbers, not 1"):
        searcher.tell(other, np.float32(0.5))


def test_a_recipe_that_bounds_a_time_asks_for_its_table(space: sl.Space) -> None:
    text = space.source.text.replace("flops <= 400K", "latency <= 5ms")
    with pytest.raises(sl.Failure, match="no table"):
        sl.Searcher(sl.parse(text))


def test_a_search_goes_on_from_its_journal(space: sl.Space, tmp_path: Path) -> None:
    """What was asked and never answered is asked again first; what was answered, never."""
    whole = sl.search(space, worth, candidates=60, settings=SMALL).records()
    journal = tmp_path / "own.sqlite"
    asked: list[str] = []
    open_: list[str] = []
    for stop in (1, 7, 8, 23, 24, 40, 61):
        with sl.Searcher(space, candidates=60, settings=SMALL, journal=journal) as searcher:
            first = [one.line for one in searcher.ask(len(open_))]
            assert first == open_
            for line in first:
                searcher.tell(line, worth(sl.Architecture.from_line(line)))
                asked.append(line)
            while len(asked) < stop and (batch := searcher.ask()):
                open_ = [batch[0].line]
                if len(asked) + 1 == stop:
                    break  # and the answer never comes
                searcher.tell(batch[0], worth(batch[0]))
                asked += open_
                open_ = []
            last = searcher.found().records()
    assert len(asked) == len(set(asked)) == 60
    assert last == whole


def test_what_was_told_unasked_is_taken_up_as_it_came(space: sl.Space, tmp_path: Path) -> None:
    """Networks that a later generation proposes too stay what they were: told, and not handed out."""

    def begun(journal: Path | None) -> sl.Searcher:
        return sl.Searcher(space, flops="30K", candidates=40, settings=SMALL, journal=journal)

    def go_on(searcher: sl.Searcher, number: int) -> int:
        asked = 0
        while asked < number and (batch := searcher.ask()):
            asked += 1
            searcher.tell(batch[0], worth(batch[0]))
        return asked

    known = list(dict.fromkeys(space.sample(60, flops="30K", seed=9)))
    whole, journal = begun(None), tmp_path / "own.sqlite"
    with begun(journal) as first:
        for searcher in (whole, first):
            for one in known:
                searcher.tell(one, worth(one))
        go_on(whole, 60)
        assert go_on(first, 25) == 25
    with begun(journal) as second:
        assert go_on(second, 60) == 15
        assert second.found() == whole.found()


def test_a_generation_that_the_journal_did_not_take_is_not_lost(
    space: sl.Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full, then has room again: the search goes on as if nothing had been, and so does its journal."""
    journal, propose, full = tmp_path / "own.sqlite", SearcherJournal.propose, [True, False, True, True]

    def refusing(*given: Any) -> None:
        if full and full.pop():
            raise sl.Failure("the disk is full")
        propose(*given)

    monkeypatch.setattr(SearcherJournal, "propose", refusing)
    with sl.Searcher(space, candidates=30, settings=SMALL, journal=journal) as searcher:
        for _ in range(40):
            with suppress(sl.Failure):
                for one in searcher.ask():
                    searcher.tell(one, worth(one))
    assert not full
    found = sl.search(space, lambda _: 1 / 0, candidates=30, settings=SMALL, journal=journal)
    assert found == sl.search(space, worth, candidates=30, settings=SMALL)


def test_a_search_that_was_closed_says_so(space: sl.Space, tmp_path: Path) -> None:
    with sl.Searcher(space, candidates=30, journal=tmp_path / "own.sqlite") as searcher:
        (one,) = searcher.ask()
    with pytest.raises(sl.Failure, match="this search is closed"):
        searcher.tell(one, 1.0)


def test_an_exception_of_the_score_loses_nothing(space: sl.Space, tmp_path: Path) -> None:
    calls: list[str] = []

    def score(architecture: sl.Architecture) -> float:
        calls.append(architecture.line)
        if len(calls) == 13:
            raise RuntimeError("out of memory")
        return worth(architecture)

    journal = tmp_path / "own.sqlite"
    with pytest.raises(RuntimeError, match="out of memory"):
        sl.search(space, score, candidates=30, settings=SMALL, journal=journal)
    found = sl.search(space, score, candidates=30, settings=SMALL, journal=journal)
    assert calls[13] == calls[12]
    assert len(calls) == 31
    assert found.records() == sl.search(space, worth, candidates=30, settings=SMALL).records()


def test_more_candidates_go_on_where_fewer_ended(space: sl.Space, tmp_path: Path) -> None:
    for candidates in (17, 45, 70):
        found = sl.search(space, worth, candidates=candidates, settings=SMALL, journal=tmp_path / "own.sqlite")
    assert found.records() == sl.search(space, worth, candidates=70, settings=SMALL).records()


def test_searches_of_other_words_lie_beside_each_other_in_a_journal(space: sl.Space, tmp_path: Path) -> None:
    journal = tmp_path / "own.sqlite"
    one = sl.search(space, worth, candidates=12, settings=SMALL, journal=journal, seed=1)
    other = sl.search(space, worth, candidates=12, settings=SMALL, journal=journal, seed=2)
    assert one.records() != other.records()
    assert sl.search(space, lambda _: 1 / 0, candidates=12, settings=SMALL, journal=journal, seed=1) == one


def test_a_journal_is_of_one_search_at_a_time_and_of_its_kind(space: sl.Space, tmp_path: Path) -> None:
    journal = tmp_path / "own.sqlite"
    with sl.Searcher(space, journal=journal), pytest.raises(sl.Failure, match="in use"):
        sl.Searcher(space, journal=journal)
    sl.Searcher(space, journal=journal).close()
    (tmp_path / "text").write_text("no journal, but long enough to be looked at as one" * 40)
    with pytest.raises(sl.Failure, match="no journal of a search"):
        sl.Searcher(space, journal=tmp_path / "text")
    with pytest.raises(sl.Failure, match="cannot use"):
        sl.Searcher(space, journal=tmp_path / "nowhere" / "own.sqlite")


def killed_after(asked: int, space: sl.Space, journal: Path) -> list[str]:
    """The networks that a search in a process of its own asks for before it is killed without warning, `asked` of
    them; all of them where it comes to its end."""
    here, there = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.close(here)

            def score(architecture: sl.Architecture) -> float:
                os.write(there, f"{architecture.line}\n".encode())
                time.sleep(0.002)
                return worth(architecture)

            sl.search(space, score, candidates=400, settings=SMALL, journal=journal)
        finally:
            os._exit(0)
    os.close(there)
    lines = []
    with os.fdopen(here) as told:
        for line in told:
            lines.append(line.strip())
            if len(lines) == asked:
                os.kill(process, signal.SIGKILL)
                break
    os.waitpid(process, 0)
    return lines


def test_a_search_that_is_killed_again_and_again_asks_nothing_twice_that_was_answered(
    space: sl.Space, tmp_path: Path
) -> None:
    """Killed 20 times at random moments, and given again each time: what was in flight is asked again first."""
    journal = tmp_path / "own.sqlite"
    dice = random.Random(3)
    in_flight = ""
    for life in range(21):
        with sl.Searcher(space, candidates=400, settings=SMALL, journal=journal) as searcher:
            answered = {row["line"] for row in searcher.found().records()}
        asked = killed_after(dice.randint(1, 12) if life < 20 else -1, space, journal)
        assert not answered & set(asked)
        assert in_flight in ("", asked[0]) or in_flight in answered
        in_flight = asked[-1]
    whole = sl.search(space, worth, candidates=400, settings=SMALL)
    assert sl.search(space, lambda _: 1 / 0, candidates=400, settings=SMALL, journal=journal) == whole


def test_a_search_loads_no_torch() -> None:
    code = """
import sys, spacelang as sl
sl.search(sl.load("spaces/digits.space"), lambda one: one.flops, candidates=20)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
