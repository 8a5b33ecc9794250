"""What the journal was told, it knows, whatever happened in between."""

import sqlite3
from pathlib import Path

import pytest

from spacelang_runtime.failure import Failure
from spacelang_runtime.journal import Entry, open_journal

ONE = Entry("a" * 64, "line one", 100, 10)
TWO = Entry("b" * 64, "line two", 90, 9)


def filled(folder: Path) -> None:
    with open_journal(folder) as journal:
        search = journal.search("recipe", step=5, images=50)
        journal.propose(search, 0, [(ONE, "draw", ()), (TWO, "mutation", (ONE.architecture,))])
        journal.record(search, ONE.architecture, 40, 0.1, "cpu")
        journal.record(search, TWO.architecture, 40, 0.1, "cpu")


def test_scores_outlive_the_process(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        search = journal.search("recipe", step=5, images=50)
        assert journal.known(search) == {ONE.architecture: 40, TWO.architecture: 40}
        assert journal.counts() == (1, 2)


def test_of_equal_scores_the_cheaper_network_is_better(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        assert [score.entry for score in journal.best(2)] == [TWO, ONE]
        assert journal.best()[0].accuracy == 0.8


def test_scores_of_other_weights_or_images_are_not_mixed_in(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        assert journal.known(journal.search("recipe", step=6, images=50)) == {}
        assert journal.known(journal.search("recipe", step=5, images=49)) == {}


def test_another_search_shares_the_scores(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        assert ONE.architecture in journal.known(journal.search("another recipe", step=5, images=50))


def test_a_first_score_stands(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        search = journal.search("recipe", step=5, images=50)
        journal.record(search, ONE.architecture, 1, 0.1, "cpu")
        assert journal.known(search)[ONE.architecture] == 40


def test_networks_are_found_by_the_beginning_of_their_names(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_journal(tmp_path) as journal:
        assert journal.named("aaaa") == [ONE]
        assert journal.named("%") == []


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"this is not a database, however long it may be" * 100)
    with pytest.raises(Failure, match=r"journal\.sqlite"), open_journal(tmp_path):
        pass


def test_a_journal_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    database = sqlite3.connect(tmp_path / "journal.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(Failure, match="newer version"), open_journal(tmp_path):
        pass
