"""docs/deploy.md: its commands run, where what they need is installed."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from spacelang.cli import main
from spacelang.lower.costs import blocks
from spacelang.lower.lowered import lower
from spacelang_runtime.app import latency
from spacelang_runtime.engine.run import find
from spacelang_runtime.export.latency.target import RuntimeTarget
from spacelang_runtime.search.timing import Timing

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
BLOCKS = {need: text.splitlines() for need, text in re.findall(r"^```sh (\w+)\n(.*?)^```", PAGE, re.M | re.S)}
PACKAGES = {
    "onnx": ("onnxscript", "onnxruntime"),
    "openvino": ("openvino",),
    "executorch": ("executorch",),
    "litert": ("litert_torch",),
    "coreml": ("coremltools",),
    "nncf": ("openvino", "nncf"),
    "measured": (),
}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of digits, of a few steps, and a search of few networks."""
    folder = tmp_path_factory.mktemp("searched")
    digits = str(ROOT / "spaces" / "digits.space")
    small = ("population=3", "parents=2", "generations=1", "crossover=1", "mutation=1")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in (
            ["train", digits, "--steps", "10", "--set", "batch=32"],
            ["evolve", "--flops", "100K", *(word for line in small for word in ("--set", line))],
        ):
            patch.setattr(sys, "argv", ["spacelang", *words])
            with pytest.raises(SystemExit) as end:
                main()
            assert end.value.code == 0
    return folder


def test_every_block_of_commands_says_what_it_needs() -> None:
    assert BLOCKS.keys() == PACKAGES.keys()


@pytest.mark.parametrize("need", PACKAGES)
def test_the_commands_of_the_page_run(spacelang, searched: Path, monkeypatch, need: str) -> None:
    """On digits in the place of photos; a table is not measured, but made up."""
    for package in PACKAGES[need]:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    monkeypatch.chdir(searched)
    if need == "measured":
        lowered = lower(find(searched / "runs", "digits-1").space)
        entries = dict.fromkeys(blocks(lowered.legal), 1e-3)
        timings = dict.fromkeys(entries, Timing(1e-3, 1e-3, 1e-3, 1e-3))

        def measure(_, where: RuntimeTarget, *others: object, **words: object) -> latency.LatencyTable:
            assert where == RuntimeTarget("onnxruntime", 1)
            return latency.LatencyTable("mini", "elsewhere", where, "none", entries, timings, None, (0.01,), 0.0)

        monkeypatch.setattr(latency, "measure", measure)
    for line in BLOCKS[need]:
        if need == "nncf" and "eval" in line and not Path("model.xml").exists():
            assert spacelang("export", "best", "-o", "model.xml").code == 0
        words = line.replace("photos", "digits").replace("spaces/mini.space", str(ROOT / "spaces/mini.space"))
        said = spacelang(*words.split()[1:])
        assert said.code == 0, said.err
