"""`spacelang cache` shows what is decoded on the disk, and removes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spacelang_runtime.data import cache


def test_what_is_kept_is_shown_with_its_size_and_removed(
    spacelang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SPACELANG_CACHE", str(tmp_path / "kept"))
    assert f"nothing is kept in {tmp_path / 'kept'}" in spacelang("cache").err
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
