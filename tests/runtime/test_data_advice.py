"""Training that waits for data says what would help, and only then."""

from __future__ import annotations

import pytest
from image_folder import image_folder, opened

from spacelang_runtime.data import advice as told
from spacelang_runtime.data.advice import advice


@pytest.fixture
def eight_cores(monkeypatch):
    monkeypatch.setattr(told, "cores", lambda: 8)


def test_short_waiting_is_not_worth_a_word(tmp_path, eight_cores):
    data = opened(image_folder(tmp_path))
    assert advice(data, 0.05) == ""
    assert advice(opened("digits"), 0.9) == ""


def test_readers_come_first_then_memory_then_cores(tmp_path, eight_cores):
    few, many = (opened(image_folder(tmp_path), workers) for workers in (1, 8))
    assert advice(few, 0.06).startswith("more reader processes (--workers 8; it had 1)")
    few.room = many.room = 10
    assert "GiB of free memory" in advice(few, 0.06)
    assert "no more than 32 pixels" in advice(many, 0.06)
    many.room = 10**9
    list(many.train_batches(0, 9))
    assert many.held
    assert "all 8 are in use" in advice(many, 0.06)
