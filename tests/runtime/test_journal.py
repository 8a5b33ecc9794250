"""What the journal was told, it knows, whatever happened in between."""

import shutil
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from spacelang_runtime.failure import Failure
from spacelang_runtime.refine.measurement import begin, judgements, keep
from spacelang_runtime.search.answers import Answers
from spacelang_runtime.search.journal import Journal
from spacelang_runtime.search.journal_file import open_journal
from spacelang_runtime.search.journal_rows import (
    Conditions,
    Finalist,
    GenerationSummary,
    NetworkRow,
    NewScore,
    PartialScore,
    Proposed,
    Search,
)
from spacelang_runtime.search.journal_writer import journal_writer
from spacelang_runtime.search.scoring import Verdict

ONE = NetworkRow("a" * 64, "line one", 100, 10)
TWO = NetworkRow("b" * 64, "line two", 90, 9)
RIGHT = Answers(np.arange(50) % 5 != 0, (np.arange(50) / 40).astype(np.float16))  # 40 of 50
OTHER = Answers(RIGHT.right[::-1], RIGHT.losses[::-1])
KEPT = Path(__file__).parent / "journals"


def alone(images: int) -> Answers:
    return Answers(np.ones(images, np.bool_), np.zeros(images, np.float16))


def same(one: Answers, other: Answers) -> bool:
    return np.array_equal(one.right, other.right) and np.array_equal(one.losses, other.losses, equal_nan=True)


def proposed(journal: Journal, step: int = 5, total: int = 50) -> Search:
    search = journal.search("account", step, total)
    children = [Proposed(ONE, "draw", ()), Proposed(TWO, "mutation", (ONE.architecture,), {"latency": 3})]
    journal.propose(search, 0, children)
    return search


def filled(folder: Path) -> None:
    with open_journal(folder) as journal:
        search = proposed(journal)
        journal.record(NewScore(search, ONE.architecture, RIGHT, 0.1, "cpu"))
        journal.record(NewScore(search, TWO.architecture, OTHER, 0.1, "cpu"))


def test_scores_outlive_the_process_image_by_image(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        known = journal.known(journal.search("account", step=5, total=50))
        assert known.keys() == {ONE.architecture, TWO.architecture}
        assert same(known[ONE.architecture], RIGHT)
        assert same(known[TWO.architecture], OTHER)
        assert journal.counts() == (1, 2)


def test_of_equal_scores_the_cheaper_network_is_better(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        assert [score.entry for score in journal.best(2)] == [TWO, ONE]
        assert journal.best()[0].accuracy == 0.8


def test_scores_of_other_weights_or_images_are_not_mixed_in(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        assert journal.known(journal.search("account", step=6, total=50)) == {}
        assert journal.known(journal.search("account", step=5, total=49)) == {}


def test_scores_of_images_that_begin_elsewhere_are_not_mixed_in(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        turned = journal.search("account from 7 on", step=5, total=50, begin=7)
        assert journal.known(turned) == {}
        journal.record(NewScore(turned, ONE.architecture, OTHER.first(20), 0.1, "cpu"))
        assert same(journal.known(turned)[ONE.architecture], OTHER.first(20))
        assert journal.known(journal.search("account", step=5, total=50)).keys() == {TWO.architecture}


def test_scores_are_written_beside_the_next_one_and_all_of_them_in_the_end(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        search = proposed(journal)
        with suppress(KeyboardInterrupt), journal_writer(journal) as writer:
            assert next(writer.recorded(search, iter([Verdict(ONE.architecture, RIGHT, 50)]))).answers is RIGHT
            raise KeyboardInterrupt  # a search that is stopped
        assert same(journal.known(search)[ONE.architecture], RIGHT)
        with journal_writer(journal) as writer:
            assert len(list(writer.recorded(search, iter([Verdict(TWO.architecture, OTHER, 50)])))) == 1
        assert journal.known(search).keys() == {ONE.architecture, TWO.architecture}


def test_scores_that_come_while_others_are_written_are_written_together(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        search = proposed(journal)
        begun, going_on, commits = Event(), Event(), []

        class Slow(Journal):
            def record(self, *scores: NewScore) -> None:
                begun.set()
                assert going_on.wait(30)
                super().record(*scores)
                commits.append(len(scores))

        several = [Verdict(ONE.architecture, RIGHT.first(count), count) for count in range(1, 11)]
        with journal_writer(Slow(journal.database)) as writer:
            verdicts = writer.recorded(search, iter(several))
            next(verdicts)
            assert begun.wait(30)
            assert len(list(verdicts)) == 9
            going_on.set()
        assert commits == [1, 9]
        assert same(journal.known(search)[ONE.architecture], RIGHT.first(10))


def test_a_score_that_cannot_be_written_ends_the_search(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        search = proposed(journal)
        unknown = Verdict("c" * 64, RIGHT, 50)
        with pytest.raises(sqlite3.IntegrityError), journal_writer(journal) as writer:
            list(writer.recorded(search, iter([unknown, *[Verdict(ONE.architecture, RIGHT, 50)] * 99])))
        assert journal.known(search) == {}, "none after it was written"


def test_another_search_shares_the_scores(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        assert ONE.architecture in journal.known(journal.search("another account", step=5, total=50))


def test_more_images_of_a_network_replace_fewer_and_never_the_other_way(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        search = proposed(journal)
        journal.record(NewScore(search, ONE.architecture, RIGHT.first(20), 0.1, "cpu"))
        assert len(journal.known(search)[ONE.architecture]) == 20
        journal.record(NewScore(search, ONE.architecture, RIGHT, 0.1, "cpu"))
        journal.record(NewScore(search, ONE.architecture, OTHER.first(20), 0.1, "cpu"))
        assert same(journal.known(search)[ONE.architecture], RIGHT)


def test_what_was_judged_on_fewer_images_comes_after_the_others(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        search = proposed(journal)
        journal.record(NewScore(search, ONE.architecture, alone(20), 0.1, "cpu"))
        journal.record(NewScore(search, TWO.architecture, RIGHT, 0.1, "cpu"))
        assert [score.entry for score in journal.best(2)] == [TWO, ONE]


def test_a_generation_is_kept_as_it_first_ended(tmp_path: Path) -> None:
    generation = GenerationSummary(0, 40, 0.01, 70, 30, None, (ONE.architecture,), 50, 0.25)
    judged_ = {ONE.architecture: PartialScore(50, 40, 0.25), TWO.architecture: PartialScore(20, 16)}
    with open_journal(tmp_path) as journal:
        search = proposed(journal)
        for _ in range(2):  # a search that goes on tells it again
            journal.close_generation(search, generation, judged_)
        assert journal.generations(search) == [generation]
        judged = journal.database.execute("SELECT images, correct, loss FROM candidate ORDER BY place").fetchall()
        assert judged == [(50, 40, 0.25), (20, 16, None)]


def test_networks_are_found_by_the_beginning_of_their_names(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        assert journal.named("aaaa") == [ONE]
        assert journal.named("%") == []


def test_a_full_disk_loses_nothing_of_before(tmp_path: Path) -> None:

    def until_full() -> None:
        with open_journal(tmp_path) as journal:
            search = proposed(journal)
            journal.record(NewScore(search, ONE.architecture, RIGHT, 0.1, "cpu"))
            pages = journal.database.execute("PRAGMA page_count").fetchone()[0]
            journal.database.execute(f"PRAGMA max_page_count = {pages}")  # the disk ends here
            journal.record(NewScore(search, TWO.architecture, alone(10**6), 0.1, "cpu"))

    with pytest.raises(Failure, match="full") as raised:
        until_full()
    assert "what was scored is kept" in raised.value.remedy
    with open_journal(tmp_path) as journal:
        assert journal.database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert journal.known(journal.search("account", 5, 50)).keys() == {ONE.architecture}
        journal.record(NewScore(journal.search("account", 5, 50), TWO.architecture, RIGHT, 0.1, "cpu"))
        assert len(journal.known(journal.search("account", 5, 50))) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are of POSIX systems")
def test_a_file_that_may_not_grow_is_one_clear_message(tmp_path: Path) -> None:
    import resource
    import signal

    filled(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
        with pytest.raises(Failure, match=r"journal\.sqlite"), open_journal(tmp_path) as journal:
            journal.record(NewScore(proposed(journal, 7), ONE.architecture, alone(10**7), 0.1, "cpu"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    with open_journal(tmp_path) as journal:
        assert len(journal.known(journal.search("account", 5, 50))) == 2


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"this is not a database, however long it may be" * 100)
    with pytest.raises(Failure, match=r"journal\.sqlite"), open_journal(tmp_path):
        pass


@pytest.mark.parametrize("version", [2, 3])
def test_a_journal_of_an_older_version_is_read_and_goes_on(tmp_path: Path, version: int) -> None:
    """Files that these versions wrote. Losses were not kept then; in 2, large images were decoded reduced."""
    shutil.copy(KEPT / f"version-{version}.sqlite", tmp_path / "journal.sqlite")
    with open_journal(tmp_path) as journal:
        search = journal.last()
        assert search is not None
        assert (search.step, search.total, search.ended) == (5, 50, True)
        known = journal.known(search)
        assert np.array_equal(known[ONE.architecture].right, RIGHT.right)
        assert np.isnan(known[ONE.architecture].losses).all()
        assert len(known[TWO.architecture]) == 20
        assert journal.best()[0].entry == ONE
        assert journal.lossless(search)
        assert [generation.best for generation in journal.generations(search)] == [40]
        assert journal.whole == (version == 3)
        journal.record(NewScore(search, TWO.architecture, RIGHT, 0.1, "cpu"))
        keep(journal, begin(journal, "another", Conditions(5, 50), [], []), {"space": "s"})
    with open_journal(tmp_path) as journal:
        assert same(journal.known(search)[TWO.architecture], RIGHT)
        assert judgements(journal) == [(5, {"space": "s"})]
        elsewhere = Conditions(5, 50, begin=7)  # whose scores take the places of those
        for one in (ONE, TWO):
            journal.record(NewScore(elsewhere, one.architecture, RIGHT, 0.1, "cpu"))
        assert journal.whole
        assert journal.database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_losses_are_kept_to_the_bit(tmp_path: Path) -> None:
    losses = np.array([0, 6e-8, 0.1, 1 / 3, 7.123, 65504], np.float16)
    with open_journal(tmp_path) as journal:
        search = proposed(journal, 5, 6)
        journal.record(NewScore(search, ONE.architecture, Answers(np.zeros(6, np.bool_), losses), 0.1, "cpu"))
    with open_journal(tmp_path) as journal:
        assert np.array_equal(journal.known(search)[ONE.architecture].losses, losses)
        assert journal.best()[0].loss == losses.astype(np.float64).mean()


def test_finalists_are_kept_in_their_order(tmp_path: Path) -> None:
    finalists = [Finalist(TWO.architecture, 50, 30, 0.4), Finalist(ONE.architecture, 50, 40, 0.5, -0.1, 0.2)]
    with open_journal(tmp_path) as journal:
        search = proposed(journal)
        for _ in range(2):  # a search that goes on tells it again
            journal.close_search(search, TWO.architecture, finalists)
        assert journal.finalists(search) == finalists
        assert [(one.entry, one.correct) for one in journal.best(5)] == [(TWO, 30), (ONE, 40)]


@pytest.mark.parametrize(("version", "said"), [(99, "newer version"), (1, "older version")])
def test_a_journal_of_another_version_is_refused(tmp_path: Path, version: int, said: str) -> None:
    filled(tmp_path)
    database = sqlite3.connect(tmp_path / "journal.sqlite")
    database.execute(f"PRAGMA user_version = {version}")
    database.close()
    with pytest.raises(Failure, match=said), open_journal(tmp_path):
        pass


SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "journal.md"


def test_a_journal_whose_damage_sqlite_cannot_say_is_refused(tmp_path: Path) -> None:
    """What SQLite tells of a damaged table quotes its text, here one that is no UTF-8."""
    filled(tmp_path)
    path = tmp_path / "journal.sqlite"
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE search", b"CREATE T\xa0BLE search"))
    with pytest.raises(Failure, match=r"journal\.sqlite is damaged"), open_journal(tmp_path) as journal:
        journal.last()


def test_the_documented_schema_is_the_schema(tmp_path: Path) -> None:
    """Every column of every table is told in docs/journal.md, and nothing else is."""
    documented: dict[str, list[str]] = {}
    table = ""
    for line in SCHEMA.read_text(encoding="utf-8").splitlines():
        if line.startswith("## `"):
            table = line.split("`")[1]
        elif line.startswith("| `") and table:
            documented.setdefault(table, []).append(line.split("`")[1])
    with open_journal(tmp_path) as journal:
        tables = [row[0] for row in journal.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {
            name: [row[1] for row in journal.database.execute(f"PRAGMA table_info({name})")] for name in tables
        }
    assert documented == found


def test_the_documented_questions_are_answered_of_the_last_search_alone(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        other = journal.search("another", 6, 40)
        journal.propose(other, 0, [Proposed(NetworkRow("c" * 64, "line three", 80, 8), "draw", ())])
        journal.propose(other, 1, [Proposed(TWO, "crossover", ("c" * 64,))])
        assert other.number == 2
    asked = SCHEMA.read_text(encoding="utf-8").split("```sql\n")[1:]
    assert asked
    with open_journal(tmp_path) as journal:
        last = journal.search("last", 5, 50)
        children = [Proposed(ONE, "draw", ()), Proposed(TWO, "mutation", (ONE.architecture,))]
        journal.propose(last, 0, children)
        generation = GenerationSummary(0, 40, 0.0, 100, 0, None, (ONE.architecture,))
        journal.close_generation(
            last, generation, {ONE.architecture: PartialScore(50, 40), TWO.architecture: PartialScore(50, 30)}
        )
        journal.close_search(last, TWO.architecture)
        best, operators, ancestors = (
            journal.database.execute(question.split("```")[0]).fetchall() for question in asked
        )
    assert [row[0] for row in best] == ["b" * 8, "a" * 8]
    assert operators == [("draw", 1, 0.8), ("mutation", 1, 0.6)]
    assert ancestors == [("a" * 8, "draw", 0), ("b" * 8, "mutation", 0)]
