"""Decoded pictures on the disk are those of the files, whole, found again, shared, and removed on demand."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from image_folder import image_folder, opened, write_image

from spacelang.cache import put
from spacelang_runtime.data import cache, in_memory
from spacelang_runtime.data.decode import Broken
from spacelang_runtime.data.pictures import Files, Held
from spacelang_runtime.failure import Failure


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A cache of its own, in which everything is worth keeping."""
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(in_memory, "SMALL", 0)


def pictures(root: Path) -> Files:
    image_folder(root / "photos", train=30)
    write_image(root / "photos" / "train" / "ant" / "large.png", 7, (100, 90))  # above the limit of twice the frame
    (root / "photos" / "train" / "bee" / "004.png").write_bytes(b"no picture")
    return opened(root / "photos").train.pictures


def held(files: Files, said: list[str] | None = None, room: int = 10**9, workers: int = 0) -> Files | Held:
    said = [] if said is None else said
    return in_memory.preload(
        files, room, workers, lambda name, reason: said.append(f"{name}: {reason}"), said.append
    )


def same(ours: Files | Held, files: Files) -> bool:
    for index in range(len(files)):
        try:
            expected = np.asarray(files.read(index))
        except Broken:
            with pytest.raises(Broken):
                ours.read(index)
            continue
        if not np.array_equal(np.asarray(ours.read(index)), expected):
            return False
    return True


def test_pictures_of_the_cache_are_those_of_the_files_and_found_again(tmp_path):
    files, first, again = pictures(tmp_path), [], []
    one = held(files, first, workers=2)
    assert isinstance(one, Held)
    assert same(one, files)
    assert "spacelang cache --clear" in first[0]
    assert str(cache.home()) in first[0]
    assert "004.png" in first[1]
    assert same(held(files, again), files)
    assert len(again) == 1, "decoded once; the broken file is told each time"
    (kept,) = cache.every()
    assert kept.of == f"{len(files)} images of {files.encoded.place}"
    assert kept.size >= files.decoded_bytes()


def test_a_file_that_has_changed_is_decoded_anew(tmp_path):
    files = pictures(tmp_path)
    held(files)
    path = files.encoded.path(3)
    write_image(path, 12345)
    os.utime(path, ns=(1, 1))
    assert same(held(files), files)
    assert len(cache.every()) == 2


def test_files_that_were_touched_or_copied_lead_to_the_set_of_their_content(tmp_path):
    files, said = pictures(tmp_path), []
    held(files)
    (kept,) = cache.every()
    os.utime(files.encoded.path(3), ns=(1, 1))
    shutil.copytree(tmp_path / "photos", tmp_path / "copy")
    copy = opened(tmp_path / "copy").train.pictures
    for other in (files, copy):
        assert same(held(other, said), other)
        assert [one.place for one in cache.every()] == [kept.place]
    assert [line for line in said if "keeping" in line] == said[::2], "decoded anew, but not kept twice"


def test_a_file_that_could_not_be_read_may_be_well_the_next_time(tmp_path, monkeypatch):
    files = pictures(tmp_path)
    path, read = files.encoded.path(3), Path.read_bytes

    def failing(self: Path) -> bytes:
        if self == path:
            raise OSError(5, "Input/output error")
        return read(self)

    with monkeypatch.context() as context:
        context.setattr(Path, "read_bytes", failing)
        with pytest.raises(Broken):
            held(files).read(3)
    assert same(held(files), files)


@pytest.mark.parametrize("name", ["pixels", "index.json"])
def test_half_a_set_is_none(tmp_path, name):
    files = pictures(tmp_path)
    held(files)
    path = cache.found(cache.key(files, "unframed")) / name
    path.write_bytes(path.read_bytes()[:-5])
    assert cache.every() == []
    assert same(held(files), files)


def test_those_who_want_the_same_set_wait_for_the_one_who_decodes_it(tmp_path):
    files, said = pictures(tmp_path), []
    with ThreadPoolExecutor(4) as pool:
        sets = list(pool.map(lambda _: held(files, said), range(4)))
    assert all(same(one, files) for one in sets)
    assert sum("spacelang cache" in line for line in said) == 1


def test_clearing_removes_all_but_what_is_being_decoded_and_a_reader_goes_on(tmp_path):
    files = pictures(tmp_path)
    one = held(files)
    (kept,) = cache.every()
    earlier = cache.folder() / "ab12.images"  # as an earlier version left it
    earlier.write_bytes(b"12345")
    earlier.with_suffix(".lock").touch()
    put("cd34", b"a count")
    assert cache.every()[0].of == "exact counts of spaces, 1 of them"
    with cache.alone(cache.key(files, "unframed")):
        assert cache.clear() == 5 + 32 + len("a count")  # behind its digest
        assert cache.every() == [kept]
    (key,) = cache.home().glob("*.json")
    whole = kept.size + key.stat().st_size
    assert cache.clear() == whole
    assert list(cache.home().iterdir()) == []
    assert same(one, files)


def test_what_does_not_fit_is_read_from_its_files(tmp_path, monkeypatch):
    files = pictures(tmp_path)
    assert held(files, room=files.decoded_bytes() - 1) is files
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(0, 0, 0))
    assert isinstance(held(files), Held)
    assert cache.every() == [], "in memory then"
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert held(files, room=2 * files.decoded_bytes()) is files, "every process would have a copy"


def test_a_disk_that_is_full_after_all_is_a_failure_and_leaves_nothing(tmp_path, monkeypatch):
    files = pictures(tmp_path)

    def full(self, parts):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(Failure, match="No space left on device") as failure:
        held(files)
    assert "SPACELANG_CACHE" in failure.value.remedy
    assert sorted(path.suffix for path in cache.home().iterdir()) == [".json", ".lock"]
    monkeypatch.undo()
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "cache"))
    assert cache.found(cache.key(files, "unframed")) is None
