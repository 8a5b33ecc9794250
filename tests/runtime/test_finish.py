"""A found network trained on alone: by a share of the supernet's seconds, kept as steps, from inherited weights."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from attrs import evolve
from tiny_training import ALONE, SPACE, learn

from spacelang.lower.lowered import lower
from spacelang.recipe import Train
from spacelang_runtime.engine import probe
from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.finished import finished, folder_of
from spacelang_runtime.engine.probe import mean_step_time
from spacelang_runtime.engine.run import RunFolder, find, write_state
from spacelang_runtime.engine.supernet import trained
from spacelang_runtime.failure import Failure, Stopped
from spacelang_runtime.nn.extract import extract
from spacelang_runtime.nn.saved import load, record_of
from spacelang_runtime.tasks import finish as finishing
from spacelang_runtime.tasks.finish import (
    FinishRequest,
    begun,
    kept,
    recipe_of,
    require_finishable,
    seconds_of,
    write_model,
)
from spacelang_runtime.tasks.supernet.setup import TrainRequest, new

RECIPE = evolve(SPACE.train, rand_augment=0, erasing=0, mixup=0, cutmix=0, holdout=Fraction(1, 2))
STEPS = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with a trained one."""
    runs = tmp_path_factory.mktemp("made")
    asked = TrainRequest(evolve(SPACE, train=RECIPE), "space tiny\n", "digits", steps=4)
    learn(new(asked, runs, ALONE, 0, lambda _: None))
    return runs


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    shutil.copytree(made, tmp_path / "runs")
    found = find(tmp_path / "runs")
    assert found.state is not None
    seconds = found.state.elapsed / 10
    monkeypatch.setattr(finishing, "_seconds_a_step", lambda *_: seconds / STEPS)
    return found


def request(run: RunFolder, share: Fraction = Fraction(1, 10), **more: Any) -> FinishRequest:
    recipe = recipe_of(run.space.train, more.get("final", False))
    return FinishRequest(run, lower(run.space).smallest, share, recipe, **more)


def supernet(run: RunFolder) -> Any:
    return trained(run, lower(run.space), ALONE.device)


def test_a_share_of_the_seconds_becomes_steps_which_its_record_keeps(run: RunFolder) -> None:
    asked = request(run)
    setup = begun(asked, supernet(run), ALONE, 0, lambda _: None)
    record = setup.run.record
    assert setup.limits.steps == record.limits.steps == STEPS
    assert (record.task, record.finish and record.finish.step, record.limits.budget) == ("finish", 4, None)
    assert find(run.folder.parent) == run, "a finish is no run of the folder of runs"


def test_seconds_are_those_of_all_processes(run: RunFolder) -> None:
    assert run.state is not None
    many = evolve(run, record=evolve(run.record, processes=8))
    assert seconds_of(many, Fraction(1, 4), 2) == pytest.approx(run.state.elapsed)


def test_it_begins_with_the_inherited_weights_and_stays_off_the_held_out_images(run: RunFolder) -> None:
    model = supernet(run)
    setup = begun(request(run), model, ALONE, 0, lambda _: None)
    own = setup.subnets.largest
    before = extract(model, own).state_dict()
    assert all(torch.equal(before[name], tensor) for name, tensor in extract(setup.model, own).state_dict().items())
    parent = new(
        TrainRequest(run.space, "space tiny\n", "digits", steps=4), run.folder / "other", ALONE, 0, lambda _: None
    )
    assert setup.dataset.train_size == parent.dataset.train_size
    assert (setup.dataset.search.labels == parent.dataset.search.labels).all()
    final = begun(request(run, final=True), model, ALONE, 0, lambda _: None)
    assert final.dataset.train_size == parent.dataset.train_size + len(parent.dataset.search)


@pytest.mark.parametrize("taught", [0.0, 0.5])
def test_interrupted_it_makes_exactly_the_steps_that_are_left(run: RunFolder, taught: float) -> None:
    asked, model = request(run, taught=taught), supernet(run)
    whole: list[Any] = []
    setup = begun(asked, model, ALONE, 0, lambda _: None)
    learn(setup, whole.append)
    uncut = torch.load(setup.run.checkpoint)["weights"]
    shutil.rmtree(folder_of(run))

    parts: list[Any] = []

    def cut(step: Any) -> None:
        parts.append(step)
        if len(parts) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    first = begun(asked, model, ALONE, 0, lambda _: None)
    with pytest.raises(Stopped):
        learn(first, cut)
    assert finished(run, asked.architecture) is None
    again = begun(asked, model, ALONE, 0, lambda _: None)
    assert again.run == first.run
    learn(again, parts.append)
    assert [step.step for step in parts] == list(range(1, STEPS + 1))
    assert [step.losses for step in parts] == [step.losses for step in whole]
    weights = torch.load(again.run.checkpoint)["weights"]
    assert all(torch.equal(weights[name], tensor) for name, tensor in uncut.items())


def test_stopped_before_its_first_checkpoint_it_begins_with_the_inherited_weights_again(run: RunFolder) -> None:
    asked, model = request(run), supernet(run)
    first = begun(asked, model, ALONE, 0, lambda _: None)  # killed here
    again = begun(asked, model, ALONE, 0, lambda _: None)
    assert (again.run, again.limits) == (first.run, first.limits)
    assert all(torch.equal(first.model.state_dict()[k], t) for k, t in again.model.state_dict().items())


def test_another_share_recipe_or_training_is_another_finish(run: RunFolder) -> None:
    asked, model = request(run), supernet(run)
    own = begun(asked, model, ALONE, 0, lambda _: None).run
    assert kept(asked) == own
    assert kept(evolve(asked, share=Fraction(1, 5))) is None
    assert kept(evolve(asked, recipe=evolve(asked.recipe, seed=9))) is None
    assert kept(evolve(asked, taught=0.5)) is None
    assert run.state is not None
    write_state(run, evolve(run.state, step=9))
    assert kept(asked) is None, "the supernet has learned more since"


def test_its_model_says_where_it_comes_from(run: RunFolder) -> None:
    asked, model = request(run), supernet(run)
    setup = begun(asked, model, ALONE, 0, lambda _: None)
    learn(setup)
    write_model(setup, asked, model, ALONE)
    done = finished(run, asked.architecture)
    assert done == setup.run
    notes = record_of(done.model)["notes"]
    assert notes["finish"]["steps"] == STEPS
    card = (done.model / "README.md").read_text()
    assert f"4 steps; then trained alone for {STEPS} steps, 10 % of its seconds |" in card
    assert "held-out images" in card
    learned = extract(trained(done, lower(done.space), ALONE.device), setup.subnets.largest).state_dict()
    assert all(torch.equal(learned[name], tensor) for name, tensor in load(done.model).state_dict().items())


def test_a_final_one_tells_nothing_of_the_held_out_images(run: RunFolder) -> None:
    asked, model = request(run, final=True), supernet(run)
    setup = begun(asked, model, ALONE, 0, lambda _: None)
    learn(setup)
    write_model(setup, asked, model, ALONE)
    notes = record_of(setup.run.model)["notes"]
    figures = ("accuracy", "held_out_accuracy", "inherited_held_out_accuracy")
    assert [notes[name] for name in figures] == [None] * 3
    assert "| Accuracy |" not in (setup.run.model / "README.md").read_text()


def test_images_that_have_changed_are_refused(run: RunFolder) -> None:
    changed = evolve(run, record=evolve(run.record, data=evolve(run.record.data, fingerprint="another")))
    with pytest.raises(Failure, match=f"digits is not what {run.name} was trained on"):
        begun(request(changed), supernet(run), ALONE, 0, lambda _: None)
    assert not folder_of(run).exists()


REFUSED = {
    "a preview": ({"preview": True}, "is a PREVIEW: its weights are not worth finishing"),
    "one network": ({"task": "finetune"}, "trains one network, and no supernet"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_finished_is_refused(name: str, run: RunFolder) -> None:
    changes, told = REFUSED[name]
    with pytest.raises(Failure, match=told):
        require_finishable(evolve(run, record=evolve(run.record, **changes)))


def test_a_finish_is_one_network_at_a_part_of_the_rate() -> None:
    given = Train(
        epochs=100, learning_rate=Fraction(1, 100), rate_law="sqrt", batches="split", holdout=Fraction(1, 5)
    )
    recipe = recipe_of(given)
    assert (recipe.sandwich.size, recipe.batches, recipe.holdout) == (1, "shared", Fraction(1, 5))
    assert (recipe.rate, recipe.rate_law) == (given.rate * finishing.PEAK, "constant")
    assert recipe.warmup / recipe.epochs == finishing.WARMUP
    assert recipe_of(given, final=True).holdout == 0


def test_steps_that_compile_are_not_timed() -> None:
    assert mean_step_time([0, 9, 18, 20, 21, 22, *range(23, 30)]) == 1
    assert mean_step_time([0, 3, 4]) == 2


@pytest.mark.parametrize(("device", "given", "pace"), [("cuda", [0.5, 2.0, 8.0], 0.05), ("cpu", [0.5], 2.0)])
def test_the_pace_on_a_gpu_is_that_of_steps_that_no_longer_compile(device, given, pace, monkeypatch) -> None:
    """Two seconds for the first step, a twentieth of one for each after it."""
    budgets = []

    def timed(training: object, world: World, budget: float, stopped: str) -> list[float]:
        budgets.append(budget)
        more = max(0, round((budget - 2) / 0.05))
        return [0.0, 2.0, *(2 + 0.05 * (step + 1) for step in range(more))]

    monkeypatch.setattr(probe, "_timed", timed)
    world = evolve(ALONE, device=torch.device(device))
    assert probe.seconds_a_step(cast(Any, None), world, 0.5, "") == pytest.approx(pace)
    assert budgets == given


@pytest.fixture
def here(spacelang: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command, in a folder with a run of digits."""
    monkeypatch.chdir(tmp_path)
    digits = str(Path(__file__).resolve().parents[2] / "spaces" / "digits.space")
    assert spacelang("train", digits, "--steps", "20", "--set", "batch=32", "--device", "cpu").code == 0
    return spacelang


QUICK = ("--set", "generations=1", "--set", "population=4", "--set", "parents=2", "--device", "cpu")


def test_budgets_are_searched_and_finished_in_one_command_and_taken_by_name(here: Callable[..., Any]) -> None:
    words = ("evolve", "--flops", "20K,30K", "--finish", "20%", *QUICK)
    said = here(*words, "--json")
    assert said.code == 0, said.err
    rows = json.loads(said.out)
    assert [row["budget"] for row in rows] == ["20K", "30K"]
    assert all(row["flops"] <= bound for row, bound in zip(rows, (20_000, 30_000), strict=True))
    assert here(*words, "--json").out == said.out, "the same command again finds all of it done"
    table = here(*words).out.splitlines()
    assert [line.split()[:2] for line in table[-2:]] == [[row["budget"], row["name"]] for row in rows]

    first = rows[0]
    tested = json.loads(here("eval", first["name"], "best", "--split", "search", "--json").out)
    assert [row["what"] for row in tested] == [f"{first['name']}, finished", "best, finished"]
    assert tested[0]["top1"] == first["finished"]["accuracy"]
    before = json.loads(here("eval", first["name"], "--inherited", "--split", "search", "--json").out)[0]
    assert (before["what"], before["top1"]) == (first["name"], first["finished"]["inherited_accuracy"])

    assert here("export", first["name"], "-o", "m").code == 0
    assert here("export", first["name"], "-o", "i", "--inherited").code == 0
    same = load("m").state_dict(), load(first["finished"]["model"]).state_dict(), load("i").state_dict()
    assert all(torch.equal(same[0][name], same[1][name]) for name in same[0])
    assert any(not torch.equal(same[0][name], same[2][name]) for name in same[0])

    shown = here("inspect").out.partition("finished, trained on alone")[2]
    told = {row["name"]: f"{row['finished']['accuracy']:.2%}" for row in rows}
    assert all(re.search(rf"^{name} .* {re.escape(share)} ", shown, re.MULTILINE) for name, share in told.items())
    kept = {one["name"]: one["accuracy"] for one in json.loads(here("inspect", "--json").out)["finishes"]}
    assert kept == {row["name"]: row["finished"]["accuracy"] for row in rows}
    assert here("report", "-o", "r.html").code == 0
    told_of = Path("r.html").read_text(encoding="utf-8").partition("<h2>Finished networks</h2>")[2]
    assert all(f"<td>{name}</td>" in told_of and f"<td>{share}</td>" in told_of for name, share in told.items())

    final = here("finish", "--final", "--share", "10%", "--device", "cpu")
    assert final.code == 0, final.err
    assert final.out.splitlines()[-1].split()[3:5] == ["–", "–"]
    refused = here("eval", "best", "--split", "search")
    assert (refused.code, "was finished on the images that were held out" in refused.err) == (1, True)
    assert here("eval", "best", "--device", "cpu").code == 0


WRONG = {
    "more than all": (["finish", "--share", "150%"], 2, "'150%' is more than the whole: a share is at most 100%"),
    "five times": (["finish", "--share", "5"], 2, "a share is at most 100%; 5 of a hundred is 5%"),
    "no share": (["evolve", "--finish", "long"], 2, "'long' is not a share such as 5%"),
    "nothing": (["evolve", "--finish", "0%"], 2, "'0%' is not a share such as 5%"),
    "not searched": (["finish"], 1, "it has not been searched"),
    "a front": (["evolve", "--pareto", "accuracy,flops", "--finish", "5%"], 2, "a front has many networks"),
    "a budget twice": (["evolve", "--flops", "20K,20K"], 2, "'20K' is given twice"),
    "other classes": (
        ["finish", "--network", "i8-p2-c4/8:h1q8m1w1/8:h1q8m1w1"],
        1,
        "does not hold this architecture: it has classes = 4, not 10",
    ),
    "another image": (
        ["finish", "--network", "i16-p2-c10/8:h1q8m1w1/8:h1q8m1w1"],
        1,
        "does not hold this architecture: it has image = 16, not 8",
    ),
    "no images held out": (["finish", "--network", "largest", "--set", "holdout=0.1"], 2, "by --final alone"),
    "no line of a recipe": (["finish", "--network", "largest", "--set", "rate=1"], 2, "nothing that `train` has"),
}


def test_what_is_wrong_is_said_in_one_line_each(here: Callable[..., Any]) -> None:
    for words, code, told in WRONG.values():
        said = here(*words)
        assert said.code == code, said.err
        assert told in said.err
