"""A table of a runtime is corrected by whole networks, and marked where it is not to be trusted."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import attrs
import pytest
import torch
from networks import draw, shipped

from spacelang.check import compile_text
from spacelang.lower.costs import read as read_table
from spacelang.lower.lowered import lower
from spacelang.source import Source
from spacelang_runtime.app import latency
from spacelang_runtime.app.latency_file import place_of, record, references_of, write
from spacelang_runtime.app.whole import told_by
from spacelang_runtime.export import busy
from spacelang_runtime.export.latency import target
from spacelang_runtime.export.latency.correction import fitted
from spacelang_runtime.export.latency.measured import whole
from spacelang_runtime.export.latency.pieces import TimedAttention, TimedMlp, pieces_of
from spacelang_runtime.export.latency.target import RuntimeTarget
from spacelang_runtime.failure import Failure
from spacelang_runtime.search.latency import keys
from spacelang_runtime.search.timing import Timing

MICRO = """edition 2026
space micro
image = 8
patch = 4
classes = 3
stage 1 {
  depth in 1..2
  embed = 8
  each layer {
    heads = 1
    head_dim = 8
    mlp = 2
    window = 2
  }
}
"""


def micro():
    space = compile_text(Source("micro", MICRO)).space
    assert space is not None
    return lower(space)


def test_halves_of_layers_are_fewer_than_layers_and_make_every_block() -> None:
    lowered = shipped("mini")
    found = pieces_of(lowered)
    assert set(found) >= set(keys(lowered.largest)) | set(keys(lowered.smallest))
    pieces = {piece for several in found.values() for piece in several}
    assert len(pieces) < 0.7 * len(found)
    halves = [several for key, several in found.items() if ":h" in key]
    assert all(isinstance(one, TimedAttention) and isinstance(other, TimedMlp) for one, other in halves)


def test_a_correction_finds_the_line_that_made_the_times() -> None:
    lowered = shipped("mini")
    rng = random.Random(0)
    networks = [draw(lowered, rng) for _ in range(40)]
    times = {key: 1e-3 * rng.uniform(0.5, 2) for one in networks for key in keys(one)}
    whole = [0.9 * sum(times[key] for key in keys(one)) - 1e-4 * one.depth + 5e-4 for one in networks]
    line = fitted(times, networks, whole)
    assert line.scale == pytest.approx(0.9, rel=0.01)
    assert line.after < 0.001 < line.before
    corrected = [sum(line.of(key, times[key]) for key in keys(one)) for one in networks]
    assert corrected == pytest.approx(whole, rel=0.005)


def test_a_machine_is_busy_where_others_work(monkeypatch: pytest.MonkeyPatch) -> None:
    all_, own, now = [10.0, 17.0], [2.0, 6.0], [100.0, 110.0]
    monkeypatch.setattr(busy, "_busy", lambda: all_.pop(0))
    monkeypatch.setattr(busy, "_own", lambda: own.pop(0))
    monkeypatch.setattr(busy.time, "monotonic", lambda: now.pop(0))
    assert busy.watch()() == pytest.approx(0.3)


def test_a_table_of_a_runtime_is_made_corrected_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    monkeypatch.setattr(latency, "FITTED", 2)
    lowered, place = micro(), RuntimeTarget("openvino", rounds=2)
    table = latency.measure(lowered, place, checked=1)
    kept = json.loads(json.dumps(record(table)))
    assert set(kept["entries"]) == set(pieces_of(lowered))
    assert kept["correction"]["networks"] == 2
    assert kept["check"]["networks"] == 1
    assert read_table(json.dumps(kept)).measure == "latency"
    assert place_of(kept) == RuntimeTarget("openvino", 1)
    assert place_of({**kept, "device": "another"}) is None
    assert [one.seconds for one in references_of(kept, Path())] == pytest.approx(
        [one.seconds for one in table.references], abs=1e-9
    )
    assert [one.architecture for one in references_of(kept, Path())] == [
        one.architecture for one in table.references
    ]
    assert len(table.references) == 2
    assert (place_of({**kept, "runtime": "onnxruntime", "precision": "int8"})) == RuntimeTarget(
        "onnxruntime", 1, True
    )


def test_what_was_exported_is_kept_and_timed_without_exporting_it_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    place = RuntimeTarget("openvino", rounds=1, programs=tmp_path / "programs")
    networks = [micro().largest, micro().smallest]
    whole(networks, place)
    assert len(list((tmp_path / "programs").glob("*.xml"))) == 2
    monkeypatch.setattr(target, "_export", None)
    assert len(whole(networks, place)) == 2
    with pytest.raises(TypeError):
        whole(networks, attrs.evolve(place, batch=2))  # another program


@pytest.mark.parametrize("changed", ["export/portable/network.py", "export/onnx_file.py", "nn/network.py"])
def test_a_kept_program_of_another_form_is_not_timed(
    changed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another state of our own sources may export another program of the same module, under the same versions."""
    given, place = torch.zeros(1, 3, 8, 8), RuntimeTarget("onnxruntime")
    key = target._key("name", given, place)
    for folder in ("ops", "nn", "export"):
        shutil.copytree(target.SOURCES / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(target, "SOURCES", tmp_path)
    assert target._key("name", given, place) == key
    with (tmp_path / changed).open("a") as file:
        file.write("# other\n")
    target._form.cache_clear()
    assert target._key("name", given, place) != key


@pytest.mark.parametrize(
    "wrong", [3, [3], [{"line": "i8"}], [{"line": "nothing", "ms": 1}], [{"line": 3, "ms": 1}]]
)
def test_references_that_are_damaged_are_named(wrong: object) -> None:
    assert references_of({}, Path("t.json")) == ()  # of a table of before
    with pytest.raises(Failure, match=r"t\.json is damaged: 'references' is no list of networks") as refused:
        references_of({"references": wrong}, Path("t.json"))
    assert "spacelang measure" in refused.value.remedy


def test_what_is_off_or_was_measured_beside_others_is_marked_and_wants_force(tmp_path: Path) -> None:
    timing = Timing(1e-3, 1e-3, 0.9e-3, 1.1e-3)
    path = tmp_path / "t.json"

    def table(errors: tuple[float, ...], others: float) -> latency.LatencyTable:
        place = RuntimeTarget("openvino")
        return latency.LatencyTable(
            "s", "d", place, "r", {"stem/8": 1e-3}, {"stem/8": timing}, None, errors, others
        )

    write(table((0.04, 0.06), 0.05), path)
    assert told_by(path, 1, force=False).facts["marks"] == []
    write(table((0.1, 0.2), 0.8), path)
    assert len(told_by(path, 1, force=True).facts["marks"]) == 2
    with pytest.raises(Failure, match=r"15.0% off on average.*0.8 cores busy") as refused:
        told_by(path, 1, force=False)
    assert "--force" in refused.value.remedy
