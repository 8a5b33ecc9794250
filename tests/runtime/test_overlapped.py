"""What a device computes beside the search changes nothing of what is found."""

import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from searching import CPU, Pretender, digits, new_run, searched, timeless

from spacelang_runtime.data.decoded import decoded
from spacelang_runtime.engine.supernet import untrained
from spacelang_runtime.search.answers import UNKNOWN
from spacelang_runtime.search.evolve import Method
from spacelang_runtime.search.images import place
from spacelang_runtime.search.overlapped import overlapped
from spacelang_runtime.search.racing import Race
from spacelang_runtime.search.scoring import Fidelity, Scorer, Subnet, Verdict
from spacelang_runtime.tasks.supernet.data import open_dataset

TABLES = ("network", "score", "search", "candidate", "generation", "finalist")
CLOCKS = {"at", "began", "ended", "seconds"}
METHODS = [
    Method(),
    Method(score="accuracy"),
    Method("paper"),
    Method("paper", risk=1e-3),
    Method("paper", risk=1e-3, score="accuracy"),
    Method("paper", exact=True),
    Method("random", score="accuracy"),
    Method("regularized", budget=40),
    Method("nsga2", ("accuracy", "flops")),
]


def named(method: Method) -> str:
    return f"{method.algorithm}-{method.spending}-{method.score}"


def rows(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """What a journal holds, but for its times."""
    database = sqlite3.connect(folder / "journal.sqlite")
    found = {}
    for table in TABLES:
        names = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] not in CLOCKS]
        found[table] = sorted(database.execute(f"SELECT {', '.join(names)} FROM {table}"), key=repr)
    database.close()
    return found


class Killed(Exception):
    pass


@pytest.mark.parametrize("method", METHODS, ids=named)
def test_networks_that_are_begun_earlier_change_neither_the_answer_nor_the_journal(tmp_path: Path, method) -> None:
    alone, beside = new_run(tmp_path / "alone"), new_run(tmp_path / "beside")
    expected = searched(alone, Pretender(), method)
    found = searched(beside, Pretender(ahead=3), method)
    assert timeless(found) == timeless(expected)
    assert rows(beside.folder) == rows(alone.folder)


@pytest.mark.parametrize("method", METHODS, ids=named)
def test_nor_do_they_where_the_search_is_stopped_again_and_again(tmp_path: Path, method) -> None:
    alone, beside = new_run(tmp_path / "alone"), new_run(tmp_path / "beside")
    single = Pretender()
    expected = searched(alone, single, method)
    looked: list[tuple[str, int]] = []
    while True:
        judge = Pretender(ahead=2)

        def before(subnet: Subnet, judge: Pretender = judge) -> None:
            if len(judge.looked) == 9:
                raise Killed

        judge.before = before
        try:
            found = searched(beside, judge, method)
            break
        except Killed:
            looked += judge.looked
    assert timeless(found) == timeless(expected)
    assert rows(beside.folder) == rows(alone.folder)
    assert Counter(looked + judge.looked) == Counter(single.looked), "nothing was done twice"


def test_a_scorer_tells_of_networks_in_flight_what_it_tells_of_each_alone() -> None:
    lowered = digits()
    dataset = open_dataset("digits", lowered.space.frame, lowered.space.train, 0, lambda line: None)
    images = place(decoded(dataset.search, 300, lambda line: None), dataset.frame, CPU)
    model = untrained(lowered, CPU).eval()
    scorers = [Scorer(model, images, dataset.normalise, ahead) for ahead in (0, 2)]
    networks = [lowered.largest, lowered.smallest, lowered.architecture(next(iter(drawn(5))))]
    rival = scorers[0].answers(lowered.largest)
    for race in (None, Race(rival.errors("accuracy"), "accuracy", (96, 192), 0.5)):
        told = []
        for scorer in scorers:
            subnets = [Subnet(one, one.digest, UNKNOWN if race is None else rival.first(0)) for one in networks]
            verdicts = {one.digest: one for one in scorer.judge(subnets, Fidelity(300, race))}
            told.append([seen(verdicts[one.digest]) for one in networks])
        assert told[0] == told[1]


def drawn(seed: int):
    from spacelang.lower.draw import draw, stream

    return draw(digits().chain, 1, stream(seed))


def seen(verdict: Verdict) -> tuple[object, ...]:
    return verdict.used, verdict.answers.right.tobytes(), verdict.answers.losses.tobytes()


def test_the_device_always_has_the_next_one_while_one_is_looked_at() -> None:
    events: list[str] = []

    def computation(name: str, looks: int):
        for number in range(looks):
            events.append(f"enqueue {name}{number}")
            yield
            events.append(f"look at {name}{number}")
        return name

    several = (computation(name, looks) for name, looks in (("a", 2), ("b", 1), ("c", 1)))
    ended = []
    for name in overlapped(several, 1):
        ended.append(name)
        events.append(f"{name} told")
    assert ended == ["b", "a", "c"]
    assert events == [
        *("enqueue a0", "enqueue b0", "look at a0", "enqueue a1", "look at b0", "b told"),
        *("enqueue c0", "look at a1", "a told", "look at c0", "c told"),
    ]
    events.clear()
    assert list(overlapped((computation(name, 1) for name in "ab"), 0)) == ["a", "b"]
    assert events == ["enqueue a0", "look at a0", "enqueue b0", "look at b0"], "one after the other"
