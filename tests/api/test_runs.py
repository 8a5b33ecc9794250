"""Runs from Python: trained, gone on with, tested, exported, loaded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import spacelang as sl

QUICK = {"batch": 64, "warmup": 0, "learning_rate": 0.001}


@pytest.fixture(scope="module")
def run(space: sl.Space, tmp_path_factory: pytest.TempPathFactory) -> sl.Run:
    steps: list[int] = []
    runs = tmp_path_factory.mktemp("runs")
    made = sl.train(
        space,
        steps=4,
        settings=QUICK,
        device="cpu",
        workers=0,
        runs=runs,
        observe=lambda step: steps.append(step.step),
    )
    assert steps
    return made


def test_a_run_is_opened_by_its_name_or_its_folder(run: sl.Run) -> None:
    assert sl.open_run(run.name, run.folder.parent) == sl.open_run(str(run.folder)) == run
    assert sl.open_run(runs=run.folder.parent).name == run.name
    assert run.finished
    assert run.step == 4
    assert "step 4, finished" in repr(run)
    assert "<table>" in run._repr_html_()
    with pytest.raises(sl.Failure):
        sl.open_run("nothing", run.folder.parent)


def test_a_run_goes_on_to_further_limits(space: sl.Space, tmp_path: Path) -> None:
    run = sl.train(space, steps=2, settings=QUICK, device="cpu", workers=0, runs=tmp_path)
    with pytest.raises(sl.Failure):
        sl.resume(run, device="cpu", workers=0)
    assert sl.resume(run, steps=3, device="cpu", workers=0).step == 3
    with pytest.raises(sl.Failure, match="searched"):
        run.export(tmp_path / "best")
    assert run.records() == []


def test_networks_of_a_run_are_tested_as_the_command_line_tests_them(run: sl.Run, spacelang: Any) -> None:
    found = run.evaluate("largest", "smallest", random=2, device="cpu")
    said = spacelang("eval", "largest", "smallest", "--random", "2", "--run", str(run.folder), "--json")
    theirs = json.loads(said.out)
    for row in (*theirs, *found.records()):
        del row["images_a_second"]
    assert found.records() == theirs
    assert "largest" in repr(found)
    assert "<table>" in found._repr_html_()


FEW = {"population": 6, "parents": 2, "generations": 2, "crossover": 2, "mutation": 2}


def lines(settings: dict[str, int]) -> list[str]:
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def test_a_search_finds_what_the_command_line_finds(run: sl.Run, spacelang: Any) -> None:
    seen: list[object] = []
    found = run.search(flops="400K", settings=FEW, images=60, device="cpu", observe=seen.append)
    said = spacelang("evolve", str(run.folder), "--flops", "400K", *lines(FEW), "--images", "60", "--json")
    theirs = json.loads(said.out)
    assert theirs["line"] == found.best.line == run.architecture("best").line
    assert (theirs["accuracy"], theirs["loss"]) == (found.accuracy, found.loss)
    assert theirs["flops"] == found.records()[0]["flops"] == found.best.flops <= 400_000
    assert len(found) == 1
    assert seen
    assert found.best.name in repr(found)
    assert "<table>" in found._repr_html_()
    assert run.records()[0]["line"] == found.best.line
    assert "its last search" in run._repr_html_()


def test_a_search_has_a_winner_for_each_budget_and_its_words_are_checked(run: sl.Run) -> None:
    found = run.search(flops="100K,400K", settings=FEW, images=60, device="cpu")
    assert [one.budget for one in found] == ["100K", "400K"]
    assert all(row["flops"] <= most for row, most in zip(found.records(), (100_000, 400_000), strict=True))
    assert found.best == found[1].best.architecture
    with pytest.raises(sl.NotABound, match="energy"):
        run.search(bounds={"energy": 3})
    for words, said in (
        ({"score": "top1"}, "score: 'top1' is no score"),
        ({"risk": 2}, "risk: a risk lies between"),
        ({"pareto": "accuracy"}, "pareto: a front"),
        ({"settings": {"popluation": 3}}, "settings: .*population"),
        ({"finish": "200%"}, "finish: "),
        ({"flops": ["100K", "100K"]}, "flops: '100K' is given twice"),
    ):
        with pytest.raises(sl.NotAnOption, match=said):
            run.search(**words)  # type: ignore[arg-type]
    with pytest.raises(sl.Failure, match="no network"):
        run.search(flops="3K")


def test_a_space_is_judged_as_the_command_line_judges_it(run: sl.Run, spacelang: Any, tmp_path: Path) -> None:
    few = {"samples": 12, "top": 3, "per_choice": 2, "confidence": 0, "threshold": 0.0001}
    judged = run.judge(settings=few, images=60, device="cpu")
    said = spacelang("judge", str(run.folder), *lines(few), "--images", "60", "--json")
    assert json.loads(said.out) == json.loads(json.dumps(judged.to_json()))
    assert 0 < judged.error < 1
    assert "<table>" in judged._repr_html_()
    assert judged.moves
    assert judged.write(tmp_path / "next.space").read_text() == judged.following.text
    assert judged.next.name == judged.following.name
    (tmp_path / "next.space").write_text("mine")
    with pytest.raises(sl.Failure, match="there already"):
        judged.write(tmp_path / "next.space")


def test_the_latest_run_that_can_serve_is_opened(run: sl.Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / run.name)
    empty = tmp_path / "empty-1"
    shutil.copytree(run.folder, empty)
    (empty / "checkpoint.pt").unlink()
    record = json.loads((empty / "run.json").read_text())
    (empty / "run.json").write_text(json.dumps(record | {"created": "2099-01-01T00:00:00+00:00"}))
    told: list[str] = []
    assert sl.open_run(runs=tmp_path, say=told.append).name == run.name
    assert told == ["passed over empty-1: it has kept no weights"]


def test_a_run_is_written_by_one_process(run: sl.Run) -> None:
    code = """
import sys, time
from pathlib import Path
from spacelang_runtime.engine.lock import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
    holder = subprocess.Popen([sys.executable, "-c", code, str(run.folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for call in (run.search, run.judge, lambda **_: sl.resume(run, steps=9, device="cpu", workers=0)):
            with pytest.raises(sl.Failure, match="is being written by process"):
                call(device="cpu")
    finally:
        holder.kill()
        holder.wait()


def test_a_model_is_trained_further_and_goes_on(run: sl.Run, tmp_path: Path) -> None:
    run.export(tmp_path / "model", "smallest")
    words = {"device": "cpu", "workers": 0, "runs": tmp_path / "runs"}
    tuned = sl.finetune(tmp_path / "model", "digits", tmp_path / "tuned", steps=2, settings=QUICK, **words)
    assert tuned.run.step == 2
    assert tuned.architecture.name in repr(tuned)
    assert tuned.model().architecture == tuned.architecture
    with pytest.raises(sl.Failure, match="there already"):
        sl.finetune(tmp_path / "model", "digits", tmp_path / "tuned", steps=2, **words)
    with pytest.raises(sl.Failure, match="run of finetune"):
        sl.resume(tuned.run)
    with pytest.raises(sl.Failure, match="goes on with its own recipe"):
        sl.finetune(tuned.run, output=tmp_path / "tuned", resume=True, keep="best", **words)
    with pytest.raises(sl.NotAnOption, match="top: it is a whole number from 1"):
        tuned.model().predict("photo.jpg", top=0)
    on = sl.finetune(tuned.run, output=tmp_path / "tuned", resume=True, steps=3, force=True, **words)
    assert (on.run.name, on.run.step) == (tuned.run.name, 3)
    with pytest.raises(sl.Failure, match="no model's folder"):
        sl.finetune("best", "digits", tmp_path / "other")
    with pytest.raises(sl.Failure, match="which images"):
        sl.finetune(tmp_path / "model", output=tmp_path / "other")


def test_an_exported_network_is_the_one_of_the_run(run: sl.Run, tmp_path: Path) -> None:
    made = run.export(tmp_path / "model", "smallest")
    assert made.architecture == run.space.smallest == run.architecture("smallest")
    images = torch.randn(2, 3, 8, 8)
    inherited, loaded = run.model("smallest"), sl.load_model(tmp_path / "model")
    assert torch.equal(inherited(images), loaded(images))
    assert run.space.smallest.model()(images).shape == (2, 10)
    with pytest.raises(sl.Failure, match="no image size"):
        run.export(tmp_path / "other", "smallest", image=16)
    with pytest.raises(sl.Failure, match="the name of a file"):
        run.export(tmp_path / "other.pt", "smallest")
    with pytest.raises(sl.Failure, match="no format"):
        run.export(tmp_path / "other", "smallest", format="pt")  # type: ignore[arg-type]


def test_what_cannot_be_trained_is_refused_before_torch_is_loaded(space: sl.Space) -> None:
    with pytest.raises(sl.Failure, match="which images"):
        sl.train("spaces/s3.space")
    with pytest.raises(sl.Failure, match="text"):
        sl.train(sl.Space.from_json(space.to_json()))
    with pytest.raises(sl.Failure, match="epoch"):
        sl.train(space, settings={"epcohs": 3})
    with pytest.raises(sl.Failure, match="not a time"):
        sl.train(space, budget="ten minutes")


OF_A_RUN: dict[str, tuple[Callable[[sl.Run], Any], str]] = {
    "no images": (lambda run: run.search(images=0), "images: it is a whole number from 1, and not 0"),
    "no candidates": (lambda run: run.search(candidates=0), "candidates: it is a whole number from 1"),
    "no finalists": (lambda run: run.search(finalists=0), "finalists: it is a whole number from 1"),
    "a risk in words": (lambda run: run.search(risk="little"), "risk: a risk lies between 0 and 1"),  # type: ignore[arg-type]
    "processes below 0": (lambda run: run.search(workers=-1), "workers: it is a whole number from 0 to 1024"),
    "a judgement by nothing": (lambda run: run.judge(images=0), "images: it is a whole number from 1"),
    "another split": (lambda run: run.evaluate(split="val"), "split: 'val' is none of test, search"),  # type: ignore[arg-type]
    "fewer than none": (lambda run: run.evaluate(random=-1), "random: it is a whole number from 0"),
    "a teacher of two parts": (lambda run: run.finish(taught=2), "taught: it is a number from 0 to 1, and not 2"),
    "no updates": (lambda run: sl.resume(run, steps=0), "steps: it is a whole number from 1 to 1000000000"),
    "no time": (lambda run: sl.resume(run, budget=0), "budget: '0' is not a time"),
    "time without end": (lambda run: sl.resume(run, budget=float("nan")), "budget: 'nan' is not a time"),
    "no pause": (lambda run: sl.resume(run, every=-1), "every: '-1' is not a time"),
    "no images at a time": (lambda run: sl.resume(run, micro=0), "micro: it is a whole number from 1 to 1000000"),
    "more than all images": (
        lambda run: sl.train(sl.load("spaces/digits.space"), test_share=2),
        "test_share: 2 is no share of every class",
    ),
    "a line of no recipe": (
        lambda run: sl.refine(sl.load("spaces/digits.space"), train={"sandwhich": 1}),
        "train: `sandwhich` is nothing that `train` has",
    ),
    "no rounds": (lambda run: sl.refine(run.space, rounds=-1), "rounds: it is a whole number from 0"),
    "other weights": (
        lambda run: sl.finetune("model", "digits", keep="all"),  # type: ignore[arg-type]
        "keep: 'all' is none of last, best",
    ),
}


@pytest.mark.parametrize("what", OF_A_RUN)
def test_a_word_that_cannot_be_is_refused_by_its_name(what: str, run: sl.Run) -> None:
    call, said = OF_A_RUN[what]
    with pytest.raises(sl.NotAnOption, match=f"^{said}"):
        call(run)
