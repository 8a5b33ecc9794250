"""The space that the tests of the front door search."""

from __future__ import annotations

from pathlib import Path

import pytest

import spacelang as sl

SMALL = Path(__file__).with_name("small.space")


@pytest.fixture(scope="session")
def space() -> sl.Space:
    return sl.load(SMALL)
