"""Damaged and hostile files: 200 cases of each format, of the 20 000 of `python benchmarks/fuzz.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CASES = 200


def test_every_damaged_file_is_refused_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import fuzz

    found = fuzz.fuzz(tmp_path, CASES)
    assert {name: counts.findings for name, counts in found.items() if counts.findings} == {}
    assert all(counts.cases == CASES for counts in found.values())
    assert sum(counts.refused for counts in found.values()) > CASES, "what is spoiled is mostly refused"
    for name in ("fuzz", "fuzzed", "fuzzed.doors"):
        sys.modules.pop(name, None)
