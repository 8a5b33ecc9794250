"""`spacelang cache` shows what is decoded on the disk, and removes it; what is not ours it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spacelang.cache import TAG, get, put
from spacelang_runtime.data import cache

SPACES = Path(__file__).resolve().parents[2] / "spaces"


def test_what_is_kept_is_shown_with_its_size_and_removed(
    spacelang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "kept"))
    assert f"nothing is kept in {tmp_path / 'kept' / 'spacelang'}" in spacelang("cache").err
    assert cache.fits(1)
    with cache.alone("ab12"):
        pixels = cache.Pixels(np.zeros(3 * 2**20, np.uint8), np.array([[1024, 1024]]), [])
        cache.write("ab12", f"1 images of {tmp_path / 'photos' / 'train'}", "", 3, [cache.Chunk(pixels, [b""])])
    said = spacelang("cache")
    assert said.code == 0
    assert f"1 images of {tmp_path / 'photos' / 'train'}" in said.out
    assert "3.0 MiB" in said.out
    assert "removed 3.0 MiB" in spacelang("cache", "--clear").err
    assert cache.every() == []


def test_only_what_is_ours_is_ever_removed(spacelang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path))
    put("ab12", b"a count")
    ours = tmp_path / "spacelang"
    theirs = [folder / name for folder in (tmp_path, ours) for name in ("photos/1.png", "photos.lock", "jam.kept")]
    theirs += [tmp_path / "ab12" / "1.png", tmp_path / "ab12.lock", tmp_path / "ab12.kept"]
    for path in theirs:
        path.parent.mkdir(exist_ok=True)
        path.write_text("precious")
    (ours / ".tmp1.part").write_text("left by one that was killed")
    assert "removed 0 KiB" in spacelang("cache", "--clear").err
    assert all(path.read_text() == "precious" for path in theirs)
    assert {path.name for path in ours.iterdir()} == {TAG, "photos", "photos.lock", "jam.kept"}


def test_the_count_of_what_was_freed_is_that_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path))
    cache.ready()
    (tmp_path / "spacelang" / "0a.kept").write_bytes(bytes(1000))
    half = tmp_path / "spacelang" / "train" / "0b.part"  # of one that was killed
    half.mkdir(parents=True)
    (half / "pixels").write_bytes(bytes(500))
    half.with_suffix(".lock").touch()
    assert cache.clear() == 1500


REFUSED = {
    "others may write into it": lambda folder: folder.chmod(0o777),
    "it is a file": lambda folder: (folder.rmdir(), folder.touch()),
    "it belongs to another": lambda folder: os.chown(folder, 12345, 12345),
    "it holds other things": lambda folder: (folder / "setup.py").touch(),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_folder_that_is_not_ours_alone_is_not_used_and_a_line_says_so(
    case: str, spacelang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case == "it belongs to another" and os.geteuid() != 0:
        pytest.skip("only root gives folders away")
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path))
    folder = tmp_path / "spacelang"
    folder.mkdir(mode=0o700)
    REFUSED[case](folder)
    put("ab12", b"a count")
    assert get("ab12") is None
    said = spacelang("check", str(SPACES / "digits.space"))
    assert said.code == 0
    assert said.err.startswith("the cache is not used: ")
    assert str(folder) in said.err
    assert said.err.count("\n") == 1
    cleared = spacelang("cache", "--clear")
    assert cleared.code == 1
    assert "Traceback" not in cleared.err


def test_a_cache_of_a_version_before_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path))
    old = tmp_path / "spacelang" / "grammar.lark-cache"
    old.parent.mkdir(mode=0o700)
    old.touch()
    put("ab12", b"a count")
    assert get("ab12") == b"a count"
    cache.clear()
    assert not old.exists()


@pytest.mark.parametrize(
    "words", [["check", "digits.space"], ["inspect", "digits.space"], ["cache"], ["cache", "--clear"]]
)
def test_who_has_no_home_and_no_name_has_no_cache_and_all_else(words: list[str]) -> None:
    """As containers run that are given the number of any user."""
    code = (
        "import pwd, sys\n"
        "def unknown(*_): raise KeyError('getpwuid(): uid not found: 12345')\n"
        "pwd.getpwuid = unknown\n"
        f"sys.argv = ['spacelang', *{words!r}]\n"
        "from spacelang.__main__ import main; main()"
    )
    left_out = ("HOME", "SPACELANG_CACHE", "XDG_CACHE_HOME", "USER", "LOGNAME")
    bare = {name: value for name, value in os.environ.items() if name not in left_out}
    ended = subprocess.run([sys.executable, "-c", code], cwd=SPACES, env=bare, capture_output=True, text=True)
    assert "Traceback" not in ended.stderr
    assert (ended.returncode, ended.stderr.partition(":")[0]) == ((1, "error") if words[0] == "cache" else (0, ""))
