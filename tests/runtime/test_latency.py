"""A measured table names every block of its space, and what it says of a network is the sum over that network."""

import json
import time as clock
from pathlib import Path

import attrs
import pytest
import torch
from test_job import DIGITS

from spacelang.check import compile_text
from spacelang.lower.chain import cost
from spacelang.lower.costs import read as read_table
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered, lower
from spacelang.lower.price import with_table
from spacelang.resources import folder
from spacelang.source import read
from spacelang_runtime.failure import Failure
from spacelang_runtime.search.latency import added, keys, measure, whole
from spacelang_runtime.search.timing import Bench, timed

BENCH = Bench(torch.device("cpu"), "fp32", batch=2, rounds=1)


def space_of(name: str) -> Lowered:
    space = compile_text(read(folder("spaces") / f"{name}.space")).space
    assert space is not None
    return lower(space)


@pytest.fixture(scope="module")
def digits() -> Lowered:
    return space_of("digits")


def test_the_table_of_the_command_prices_the_space(spacelang, tmp_path: Path, digits: Lowered) -> None:
    path = tmp_path / "latency.json"
    said = spacelang("measure", DIGITS, "--device", "cpu", "--batch", "2", "--rounds", "1", "-o", str(path))
    assert said.code == 0, said.err
    table = read_table(path.read_text())
    chain = with_table(digits.chain, digits.legal, table)
    for genotype in draw(chain, 20, stream(1)):
        spent = cost(chain, genotype)[chain.measures.index("latency")]
        assert spent == sum(table.entries[key] for key in keys(digits.architecture(genotype)))
    facts = json.loads(path.read_text())
    assert facts["batch"] == 2
    assert facts["timings"].keys() == facts["entries"].keys()
    assert all(times["low"] <= times["median"] <= times["high"] for times in facts["timings"].values())


def test_a_batch_that_memory_does_not_hold_is_one_clear_message(digits: Lowered, monkeypatch) -> None:
    def full(*shape: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 76800000000 bytes")

    monkeypatch.setattr("spacelang_runtime.search.latency._noise", full)
    with pytest.raises(Failure, match="memory does not hold stem/8 with 2 images at a time") as caught:
        measure(digits, BENCH)
    assert caught.value.remedy == "measure a smaller --batch"


@pytest.mark.parametrize("name", ["digits", "autoformer_tiny"])
def test_blocks_of_every_family_are_timed(name: str) -> None:
    lowered = space_of(name)
    small = attrs.evolve(
        lowered.space, frame=attrs.evolve(lowered.space.frame, image=2 * lowered.space.frame.patch)
    )
    lowered = lower(small)
    timings = measure(lowered, BENCH)
    assert all(timing.fresh > 0 and timing.median > 0 for timing in timings.values())
    assert added(timings, lowered.largest) > 0
    assert set(keys(lowered.largest)) <= timings.keys()


def test_the_first_pass_is_told_apart_and_the_median_of_the_rounds_counts(monkeypatch) -> None:
    """By a clock that only the passes move: the first takes 90 ms, then 5, 5, and now and then 50."""
    now, calls = 0.0, 0
    monkeypatch.setattr(clock, "perf_counter", lambda: now)

    def run() -> None:
        nonlocal now, calls
        calls += 1
        now += 0.09 if calls == 1 else 0.05 if calls in (5, 9) else 0.005

    bench = attrs.evolve(BENCH, rounds=7)
    timing = timed({"block": run}, bench, lambda share, said: None, parts=5)["block"]
    assert timing.fresh == pytest.approx(0.09 / 5)
    assert timing.median == pytest.approx(0.005 / 5)
    assert timing.high > timing.median


def test_whole_networks_are_timed_one_by_one(digits: Lowered) -> None:
    assert len(whole([digits.largest, digits.smallest], BENCH)) == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_the_table_foretells_what_networks_take() -> None:
    lowered = space_of("s3")
    bench = Bench(torch.device("cuda:0"), "bf16", batch=64)
    timings = measure(lowered, bench)
    drawn = [lowered.architecture(genotype) for genotype in draw(lowered.chain, 10, stream(0))]
    errors = [
        abs(added(timings, architecture) / timing.median - 1)
        for architecture, timing in zip(drawn, whole(drawn, bench), strict=True)
    ]
    assert sum(errors) / len(errors) < 0.1
