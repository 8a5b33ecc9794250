"""The kernels compute what their plain references do. On a CPU, Triton's interpreter runs them, apart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

CHECKS = Path(__file__).with_name("kernel_checks.py")


def errors(**environment: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, str(CHECKS)], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name: float(error) for name, error in (line.split("\t") for line in done.stdout.splitlines())}


def test_kernels_match_their_references() -> None:
    """In float32. Large windows hold their bias in half precision, which costs up to a thousandth."""
    pytest.importorskip("triton")
    for name, error in errors(TRITON_INTERPRET="1").items():
        assert error < (1e-3 if name.startswith("large") else 1e-5), name


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_kernels_match_their_references_on_a_gpu() -> None:
    """In bf16, whose own rounding is up to four thousandths; every launch on fresh inputs and poisoned outputs."""
    for name, error in errors().items():
        assert error < 2e-2, name
