"""What is kept between commands is safe to lose, to damage and to share, and changes no answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spacelang import cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept" / "spacelang"


def test_what_is_put_comes_back(folder: Path) -> None:
    assert cache.get("one") is None
    cache.put("one", b"first")
    cache.put("two", b"second")
    cache.put("one", b"third")
    assert (cache.get("one"), cache.get("two")) == (b"third", b"second")


def test_a_damaged_file_is_as_good_as_none(folder: Path) -> None:
    cache.put("one", b"something")
    (path,) = folder.glob("*.kept")
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert cache.get("one") is None
    assert not path.exists()


def test_the_files_used_longest_ago_make_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST", 1000)
    for at, name in enumerate("abc"):
        cache.put(name, bytes(200))
        os.utime(folder / f"{name}.kept", (at, at))
    assert cache.get("a") == bytes(200)  # and is now the one used last
    for name in "de":
        cache.put(name, bytes(200))
    assert [name for name in "abcde" if cache.get(name) is not None] == ["a", "c", "d", "e"]
    cache.put("f", bytes(500))  # a quarter of the room is the most that one takes
    assert cache.get("f") is None


@pytest.mark.parametrize("word", ["off", "no", "0"])
def test_the_cache_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("SPACELANG_CACHE", word)
    cache.put("one", b"something")
    assert cache.get("one") is None


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "file" / "kept"))
    cache.put("one", b"something")
    assert cache.get("one") is None


def test_no_part_of_a_file_stays_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    cache.put("one", b"something")
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [cache.TAG]


def test_another_arithmetic_has_names_of_its_own() -> None:
    assert cache.key("1", "ab") != cache.key("1a", "b") != cache.key("2", "ab")
