"""Every line that says how work goes on is a command that goes on with it."""

from __future__ import annotations

import json
import re
import shlex
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_transfer import MAKE, RECIPES, TRAIN, network

import spacelang as sl
from spacelang_runtime.engine import train as trainer
from spacelang_runtime.nn.saved import save

ROOT = Path(__file__).resolve().parents[2]
DIGITS = str(ROOT / "spaces" / "digits.space")
SHORT = ("--steps", "2", "--set", "batch=16")
SEARCH = ("--set", "population=4", "--set", "parents=2", "--set", "generations=1")
SEARCH += ("--set", "crossover=1", "--set", "mutation=1", "--images", "50")

# Where a command is named that goes on, how often, and the test of it. A line more needs a test more.
TOLD = {
    "spacelang/cli/train.py": 2,  # a run that was taken for a space, and one network for one
    "spacelang/api/finetune.py": 1,  # a run of a whole space
    "runtime/spacelang_runtime/app/finetune.py": 1,  # one network
    "spacelang/cli/inspect/run.py": 1,
    "spacelang/api/open_transfer.py": 1,  # a run without a model
    "spacelang/cli/transfer/ask.py": 1,  # one with a model that is not its last
    "spacelang/api/train.py": 1,  # one network, from Python
    "spacelang/runs.py": 3,  # the commands themselves; the same command again: a search, a refinement, a finish
    "runtime/spacelang_runtime/engine/train.py": 1,
    "runtime/spacelang_runtime/tasks/supernet/objective.py": 1,
    "runtime/spacelang_runtime/tasks/supernet/data.py": 1,  # data that was mended: test_train_start.py
    "runtime/spacelang_runtime/tasks/transfer/objective.py": 1,
    "runtime/spacelang_runtime/engine/latest.py": 1,  # a run that has not learned: tests/command/test_latest.py
}
GOES_ON = re.compile(r'go on with(?: it)?: |to go on"|--resume \{|\} --resume|[{=] ?resuming\(')


def test_every_file_that_names_such_a_command_is_known() -> None:
    found: dict[str, int] = {}
    for folder in ("spacelang", "runtime"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if GOES_ON.search(line)]
            if lines:
                found[str(path.relative_to(ROOT))] = len(lines)
    assert found == TOLD


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Has the next trainings stopped in their first steps, as by Ctrl-C. after: how often they may still ask."""

    def set_(after: int | None) -> None:
        @contextmanager
        def interruptible() -> Iterator[Callable[[], bool]]:
            asked = 0

            def stopping() -> bool:
                nonlocal asked
                asked += 1
                return after is not None and asked > after

            yield stopping

        monkeypatch.setattr(trainer, "interruptible", interruptible)

    return set_


def named(said: str) -> list[str]:
    """The words behind `spacelang` in a line that says how to go on."""
    (line,) = re.findall(r"(?:go on with(?: it)?|if it was stopped|its model): spacelang ([^;\n]*)", said)
    return shlex.split(line)


@pytest.mark.parametrize("where", ["runs", "else where"])
def test_a_training(where: str, spacelang, stopped, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    stopped(2)
    cut = spacelang("train", DIGITS, *SHORT, "--runs", where)
    assert cut.code == 1
    again = named(cut.err)
    assert named(spacelang("inspect", "--runs", where).out) == again
    kept = Path(where, "digits-1", "state.json").read_bytes()
    Path(where, "digits-1", "state.json").unlink()  # as one leaves it that is killed before it is written
    assert named(spacelang("inspect", "--runs", where).out) == again
    Path(where, "digits-1", "state.json").write_bytes(kept)
    assert named(spacelang("train", "digits-1", "--runs", where).err) == again
    assert named(spacelang("finetune", "digits-1", "--resume", "-o", "x", "--runs", where).err) == again
    stopped(None)
    assert "trained digits-1: 2 steps" in spacelang(*again).err


def test_one_network(spacelang, stopped, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    stopped(None)
    spacelang("train", DIGITS, *SHORT)
    assert spacelang("export", "smallest", "-o", "model").code == 0
    stopped(2)
    cut = spacelang("finetune", "model", "--data", "digits", *SHORT, "--set", "warmup=0", "-o", "my tuned")
    assert cut.code == 1
    again = named(cut.err)
    name = again[1]
    assert again == ["finetune", name, "--resume", "-o", "my tuned"]
    refused = spacelang("train", "--resume", name)
    assert refused.code == 1
    assert named(refused.err)[:3] == named(spacelang("inspect", name).out)[:3] == again[:3]
    stopped(None)
    ended = spacelang(*again)
    assert ended.code == 0, ended.err
    assert (tmp_path / "my tuned" / "model.safetensors").is_file()
    (tmp_path / "my tuned" / "config.json").unlink()  # as one leaves it that is killed then
    assert spacelang(*again).code == 0
    assert (tmp_path / "my tuned" / "config.json").is_file()
    assert named(spacelang("inspect", name).out)[:3] == again[:3]
    once_more = spacelang(*again[:-1], "another")
    assert once_more.code == 0, "what is trained is written, as often as it is asked for"
    with pytest.raises(sl.Failure) as from_python:
        sl.resume(sl.open_run(name))
    assert "go on with it: sl.finetune(run, output=…, resume=True)" in from_python.value.remedy
    sl.finetune(sl.open_run(name), output="from python", resume=True)
    outputs = ("my tuned", "another", "from python")
    assert len({(tmp_path / out / "model.safetensors").read_bytes() for out in outputs}) == 1


@pytest.mark.parametrize("task", ["segment", "vqa"])
def test_a_transfer(task: str, spacelang, stopped, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(network(), tmp_path / "model", {})
    MAKE[task](tmp_path / "data")
    sections = {"train": TRAIN, task: RECIPES[task]}
    lines = "".join(
        f"[{section}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())
        for section, values in sections.items()
    )
    (tmp_path / "recipe.toml").write_text(f'task = "{task}"\n{lines}')
    stopped(1)
    cut = spacelang("transfer", task, "model", "--data", "data", "--recipe", "recipe.toml", "--workers", "0")
    assert cut.code == 1
    again = named(cut.err)
    assert named(spacelang("transfer", task, "--eval").err) == again
    stopped(None)
    ended = spacelang(*again, "--workers", "0")
    assert ended.code == 0, ended.err
    assert f"trained {again[2]}" in ended.err
    assert "go on" not in spacelang("transfer", task, "--eval", "--workers", "0").err
    state = tmp_path / "runs" / again[2] / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"finished": False}))
    assert named(spacelang("transfer", task, "--eval", "--workers", "0").err) == again


def _toml(value: object) -> str:
    return json.dumps(value)


def test_a_search_and_a_refinement_by_the_same_command(spacelang, stopped, tmp_path: Path, monkeypatch) -> None:
    from spacelang_runtime.search.scoring import Scorer

    monkeypatch.chdir(tmp_path)
    stopped(None)
    spacelang("train", DIGITS, *SHORT)
    judging, scored = Scorer.judging, 0

    def once(self, task, race=None):
        nonlocal scored
        scored += 1
        if scored == 3:
            raise KeyboardInterrupt
        return judging(self, task, race)

    monkeypatch.setattr(Scorer, "judging", once)
    cut = spacelang("evolve", *SEARCH)
    assert (cut.code, scored) == (130, 3)
    assert "give the same command again to go on" in cut.err
    again = spacelang("evolve", *SEARCH)
    assert again.code == 0, again.err
    assert "known already" in again.err
    words = ("refine", DIGITS, "--rounds", "1", "--rule", "extrapolated", "--steps", "2", "--train", "batch=16")
    words += ("--images", "50", "--set", "samples=6", "--set", "top=1", "--set", "per_choice=2", "--into", "next")
    stopped(2)
    cut = spacelang(*words)
    assert cut.code == 1
    assert "give the same command again to go on" in cut.err
    stopped(None)
    ended = spacelang(*words)
    assert ended.code == 0, ended.err
    names = {path.name for path in (tmp_path / "runs").glob("digits-*")}
    assert names == {f"digits-{number}" for number in range(1, 5)}, "the run that was stopped went on"
    assert "as many spaces were tried as were asked for" in ended.err


def test_a_traceback_ends_with_the_remedy() -> None:
    with pytest.raises(sl.Failure) as failed:
        sl.open_run("no such run")
    *_, last = "".join(traceback.format_exception(failed.value)).splitlines()
    assert last == failed.value.remedy != ""
