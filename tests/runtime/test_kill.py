"""A search that is killed at random moments loses at most what is in flight, and ends with the same answer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_ten_kills_change_nothing() -> None:
    """Ten of the hundred of `python benchmarks/killed.py`, which checks after each that the journal is whole,
    that nothing written is gone, and that no network is looked at again."""
    command = [sys.executable, str(ROOT / "benchmarks" / "killed.py"), "--times", "10"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert found["kills"] == 10
    assert found["searches that came to their end"] >= 1
