"""One trainer for the three tasks: a step reaches every parameter, a cut run repeats the uncut one, parts and
processes add up to the batch."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from processes import two
from tiny_transfer import MAKE, RECIPES, network, recipe

from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.engine.resume import restarted
from spacelang_runtime.engine.run import RunFolder, find, write_state
from spacelang_runtime.engine.step import Step
from spacelang_runtime.engine.train import train
from spacelang_runtime.failure import Failure, Interrupted
from spacelang_runtime.nn.saved import save
from spacelang_runtime.tasks.registry import task
from spacelang_runtime.tasks.transfer import objective
from spacelang_runtime.tasks.transfer.memory import estimate
from spacelang_runtime.tasks.transfer.model import load
from spacelang_runtime.tasks.transfer.objective import TransferSetup, training
from spacelang_runtime.tasks.transfer.run import TASKS, measured
from spacelang_runtime.tasks.transfer.setup import TransferInputs, TransferRequest, new, resumed
from spacelang_runtime.tasks.transfer.setup import opened as opened_by

ALONE = World(0, 1, torch.device("cpu"))
EVERY = sorted(RECIPES)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and the data of all tasks."""
    folder = tmp_path_factory.mktemp("transfer")
    for name, make in MAKE.items():
        make(folder / name)
    for family in ("pyramid", "column"):
        save(network(family), folder / family, {})
    return folder


def request(
    place: Path, name: str, family: str = "pyramid", settings: dict[str, Any] | None = None
) -> TransferRequest:
    return TransferRequest(recipe(name, settings), place / family, place / name)


def opened(request: TransferRequest, world: World = ALONE) -> TransferInputs:
    return opened_by(request, world, 0)


def learn(setup: TransferSetup, world: World = ALONE, **how: Any) -> tuple[list[Step], dict[str, float]]:
    steps: list[Step] = []
    return steps, train(training(setup, lambda *_: None), world, steps.append, **how).figures


@pytest.mark.parametrize("family", ["pyramid", "column"])
@pytest.mark.parametrize("name", EVERY)
def test_a_step_has_finite_losses_and_reaches_every_parameter(place: Path, name: str, family: str) -> None:
    ready = opened(request(place, name, family))
    made = task(name).build(ready.network, ready.request.recipe, ready.data.labels, None).train()
    for batch in (part for step in range(3) for part in ready.data.parts(0, 1)(step).parts):
        losses = made(batch)
        assert tuple(losses) == task(name).losses
        assert all(torch.isfinite(loss) and loss > 0 for loss in losses.values()), losses
        sum(losses.values()).backward()
    still = [n for n, parameter in made.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert not still


@pytest.mark.parametrize("name", EVERY)
def test_passes_in_bf16_give_losses_in_float32(place: Path, name: str) -> None:
    """As on a GPU: what boxes, pixels and answers are scored by has its digits."""
    ready = opened(request(place, name))
    made = task(name).build(ready.network, ready.request.recipe, ready.data.labels, None).train()
    (batch,) = ready.data.parts(0, 1)(0).parts
    with torch.autocast("cpu", torch.bfloat16):
        losses = made(batch)
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    sum(losses.values()).backward()
    exact = made(batch)
    for kind, loss in losses.items():
        assert loss.item() == pytest.approx(exact[kind].item(), rel=0.2, abs=0.05), kind


@pytest.mark.parametrize("name", EVERY)
def test_a_run_is_trained_measured_and_kept(place: Path, name: str, tmp_path: Path) -> None:
    setup = new(opened(request(place, name)), tmp_path, ALONE, 0)
    steps, figures = learn(setup)
    assert [step.step for step in steps] == [1, 2, 3, 4]
    assert all(0 <= value <= 1 for value in figures.values())
    run = find(tmp_path, tasks=(name,))
    notes = [json.loads(line) for line in (run.folder / "journal.jsonl").read_text().splitlines()]
    assert [note["what"] for note in notes] == ["began", "measured"]
    assert notes[1]["figures"] == figures
    kept = load(run.model, ALONE.device)
    assert kept.recipe == setup.recipe
    assert kept.labels == json.loads(json.dumps(setup.data.labels))
    for key, tensor in setup.model.state_dict().items():
        assert torch.equal(kept.model.state_dict()[key], tensor)


@pytest.mark.parametrize(("name", "workers"), [("detect", 2), ("segment", 0), ("vqa", 0)])
def test_an_image_that_breaks_while_it_trains_is_named_once_and_another_one_takes_its_place(
    name: str, workers: int, tmp_path: Path
) -> None:
    save(network(), tmp_path / "pyramid", {})
    MAKE[name](tmp_path / name)
    limit = {"iterations": 6}
    setup = new(opened(request(tmp_path, name, settings=limit)), tmp_path / "runs", ALONE, workers)
    photo = {"detect": "train/000000000001.png", "segment": "images/train/1.png", "vqa": "images/1.png"}[name]
    (tmp_path / name / photo).write_bytes(b"no picture any more")
    said: list[str] = []
    steps: list[Step] = []
    result = train(training(setup, lambda *_: None, said.append), ALONE, steps.append)
    assert [step.step for step in steps] == list(range(1, 7))
    (line,) = said
    assert line.startswith(f"skipped a broken image: {tmp_path / name / photo}: not a ")
    assert result.figures
    again = setup.data.parts(0, 1)(3), setup.data.parts(0, 1)(3)
    assert str(again[0]) == str(again[1]), "what takes its place follows from the step"
    if name == "segment":
        (tmp_path / name / "masks/train/2.png").write_bytes(b"no mask any more")
        whole = [broken for step in range(4) for broken in setup.data.parts(0, 1)(step).broken]
        assert any("masks/train/2.png" in reason for reason in whole)


def test_a_disk_that_is_gone_ends_a_training_with_one_message(tmp_path: Path) -> None:
    save(network(), tmp_path / "pyramid", {})
    MAKE["detect"](tmp_path / "detect")
    setup = new(opened(request(tmp_path, "detect")), tmp_path / "runs", ALONE, 0)
    for photo in (tmp_path / "detect" / "train").iterdir():
        photo.unlink()
    with pytest.raises(Failure, match="no image of 6 in a row can be read") as failure:
        learn(setup)
    assert "the disk is still there" in failure.value.remedy


@pytest.mark.parametrize("name", EVERY)
def test_a_backbone_whose_rate_is_zero_stays_as_it_is(place: Path, name: str, tmp_path: Path) -> None:
    setup = new(opened(request(place, name, settings={"backbone_learning_rate": 0.0})), tmp_path, ALONE, 0)
    before = {key: tensor.clone() for key, tensor in setup.model.state_dict().items()}
    learn(setup)
    moved = {key for key, tensor in setup.model.state_dict().items() if not torch.equal(before[key], tensor)}
    assert moved
    assert not {key for key in moved if key.startswith("backbone.")}
    frozen, learning = (
        estimate(
            task(name),
            setup.model.backbone.network.architecture,
            recipe(name, {"backbone_learning_rate": rate}),
            setup.data.labels,
            4,
            ALONE.device,
        )
        for rate in (0.0, 0.1)
    )
    assert learning.states - frozen.states == 12 * frozen.backbone
    assert frozen.kept < learning.kept


@pytest.mark.parametrize("name", EVERY)
def test_a_run_that_was_cut_and_resumed_repeats_the_uncut_one(place: Path, name: str, tmp_path: Path) -> None:
    whole = new(opened(request(place, name)), tmp_path / "whole", ALONE, 0)
    learn(whole)
    first = new(opened(request(place, name)), tmp_path / "cut", ALONE, 0)

    def interrupt(step: Step) -> None:
        if step.step == 2:
            os.kill(os.getpid(), 2)

    with pytest.raises(Interrupted, match="stopped at step 2 of 4") as caught:
        train(training(first, lambda *_: None), ALONE, interrupt)
    again = f"{first.run.name} --runs {tmp_path / 'cut'} --resume"
    assert caught.value.remedy == f"go on with: spacelang transfer {name} {again}"
    second = resumed(find(tmp_path / "cut", tasks=(name,)), ALONE, 0, None, None)
    learn(second)
    for key, tensor in whole.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[key], tensor), key


def test_a_measurement_that_is_stopped_ends_at_once_and_is_made_when_the_run_goes_on(
    place: Path, tmp_path: Path
) -> None:
    whole = new(opened(request(place, "segment")), tmp_path / "whole", ALONE, 0)
    first = new(opened(request(place, "segment")), tmp_path / "cut", ALONE, 0)
    shown: list[str] = []

    def stop(share: float, said: str) -> None:
        shown.append(said)
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="stopped at step"):
        train(training(first, stop), ALONE, lambda _: None)
    assert len(shown) == 1
    assert measured(first.run) is None
    second = resumed(find(tmp_path / "cut", tasks=("segment",)), ALONE, 0, None, None)
    assert learn(second)[1] == learn(whole)[1]


@pytest.mark.parametrize("where", ["in the step before", "while it is measured", "once that is noted"])
def test_each_measurement_is_made_once_wherever_a_run_was_cut(
    where: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = {"evaluations": 2}
    whole = new(opened(request(place, "segment", settings=twice)), tmp_path / "whole", ALONE, 0)
    learn(whole)
    cut = new(opened(request(place, "segment", settings=twice)), tmp_path / "cut", ALONE, 0)

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if where == "once that is noted":
            saved = iter([objective.save])  # once before it is measured; killed where it is to be saved again
            patched.setattr(objective, "save", lambda *words: next(saved, kill)(*words))
        show = kill if where == "while it is measured" else lambda *_: None

        def stop(step: Step) -> None:
            if where == "in the step before" and step.step == 2:
                os.kill(os.getpid(), signal.SIGTERM)

        with pytest.raises(Interrupted if where == "in the step before" else Killed):
            train(training(cut, show), ALONE, stop)
    assert measured(cut.run) is None
    learn(resumed(find(tmp_path / "cut", tasks=("segment",)), ALONE, 0, None, None))

    def figures(run: RunFolder) -> list[tuple[int, dict[str, float]]]:
        notes = [json.loads(line) for line in (run.folder / "journal.jsonl").read_text().splitlines()]
        return [(note["step"], note["figures"]) for note in notes if note["what"] == "measured"]

    assert [step for step, _ in figures(cut.run)] == [2, 4]
    assert figures(cut.run) == figures(whole.run)


def test_a_run_that_is_killed_before_it_has_kept_that_it_has_ended_goes_on_to_its_end(
    place: Path, tmp_path: Path
) -> None:
    learn(new(opened(request(place, "segment")), tmp_path, ALONE, 0))
    run = find(tmp_path, tasks=("segment",))
    assert run.state is not None
    write_state(run, evolve(run.state, step=2, finished=False))
    steps, _ = learn(resumed(run, ALONE, 0, None, None))
    assert not steps
    assert run.state.finished
    assert (run.folder / "journal.jsonl").read_text().count("measured") == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", EVERY)
def test_a_gpu_trains_measures_and_estimates_as_well(place: Path, name: str, tmp_path: Path) -> None:
    world = World(0, 1, torch.device("cuda:0"))
    ready = opened(request(place, name))
    steps, figures = learn(new(ready, tmp_path, world, 2), world)
    assert not any(step.problem for step in steps)
    assert all(0 <= value <= 1 for value in figures.values())
    architecture = opened(request(place, name)).network.architecture
    assert estimate(task(name), architecture, recipe(name), ready.data.labels, 4, world.device).kept > 0


def test_an_ended_run_goes_on_only_with_more(place: Path, tmp_path: Path) -> None:
    learn(new(opened(request(place, "segment")), tmp_path, ALONE, 0))
    run = find(tmp_path, tasks=("segment",))
    with pytest.raises(Failure, match="segment-segment-1 has ended: 4 steps of 4"):
        resumed(run, ALONE, 0, None, None)
    assert resumed(run, ALONE, 0, 6, None).limits == Limits(6)


def test_a_run_that_was_stopped_before_its_last_measurement_is_measured_when_it_goes_on(
    place: Path, tmp_path: Path
) -> None:
    _, figures = learn(new(opened(request(place, "segment")), tmp_path, ALONE, 0))
    run = find(tmp_path, tasks=("segment",))
    (run.model / "config.json").unlink()
    steps, again = learn(resumed(run, ALONE, 0, None, None))
    assert not steps
    assert again == figures
    assert measured(run) == 4


def test_a_batch_in_parts_gives_the_step_of_the_whole(place: Path, tmp_path: Path) -> None:
    """Gradients of parts add up: the weights after two steps are the same but for rounding. (Answers alone: how
    many of a part's texts match is the same in every part.)"""
    models = []
    for micro in (0, 4):
        settings = {"batch": 16, "micro": micro, "iterations": 2}
        setup = new(opened(request(place, "vqa", settings=settings)), tmp_path, ALONE, 0)
        learn(setup)
        models.append(setup.model.state_dict())
    for key, tensor in models[0].items():
        torch.testing.assert_close(models[1][key], tensor, rtol=1e-3, atol=2e-4)


def test_a_budget_ends_a_run_and_cools_it_down(place: Path, tmp_path: Path) -> None:
    short = evolve(request(place, "vqa"), steps=10_000, budget=2.0)
    steps, _ = learn(new(opened(short), tmp_path, ALONE, 0))
    assert steps[-1].progress == 1
    assert steps[-1].step < 10_000
    assert steps[-1].rate < steps[0].rate


def test_measuring_comes_as_often_as_asked(place: Path, tmp_path: Path) -> None:
    setup = new(opened(request(place, "segment", settings={"iterations": 6, "evaluations": 3})), tmp_path, ALONE, 0)
    learn(setup)
    lines = (setup.run.folder / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line).get("step") for line in lines] == [None, 2, 4, 6]


def test_random_weights_are_the_same_network_without_what_it_learned(place: Path) -> None:
    learned, fresh = (opened(evolve(request(place, "detect"), random=r)).network for r in (False, True))
    again = opened(evolve(request(place, "detect"), random=True)).network
    assert learned.architecture == fresh.architecture
    assert not torch.equal(learned.stem.patches.weight, fresh.stem.patches.weight)
    assert torch.equal(again.stem.patches.weight, fresh.stem.patches.weight)


@pytest.mark.parametrize("name", EVERY)
def test_the_estimate_of_memory_counts_the_model_exactly_and_grows_with_the_batch(place: Path, name: str) -> None:
    ready = opened(request(place, name))
    architecture, own = ready.network.architecture, ready.request.recipe
    little, much = (
        estimate(task(name), architecture, own, ready.data.labels, images, ALONE.device) for images in (4, 16)
    )
    model = task(name).build(ready.network, own, ready.data.labels, None)
    assert little.params == sum(parameter.numel() for parameter in model.parameters())
    assert little.states == 16 * little.params
    assert 3.5 < much.kept / little.kept < 4.5


def _learned(world: World, place: Path) -> tuple[dict[str, float], dict[str, Any]]:
    ready = opened(request(place, "vqa", settings={"batch": 16, "iterations": 3}), world)
    setup = new(ready, place / "runs", world, 0)
    _, figures = learn(setup, world)
    return figures, {key: tensor.tolist() for key, tensor in setup.model.state_dict().items()}


def test_two_processes_learn_and_measure_what_one_does(place: Path, tmp_path: Path) -> None:
    (first, leader), (second, follower) = two(_learned, place)
    setup = new(opened(request(place, "vqa", settings={"batch": 16, "iterations": 3})), tmp_path, ALONE, 0)
    _, figures = learn(setup)
    assert first == second == pytest.approx(figures)
    assert leader == follower
    for key, tensor in setup.model.state_dict().items():
        torch.testing.assert_close(torch.tensor(leader[key]), tensor, rtol=1e-3, atol=2e-4)


def test_a_run_that_has_made_more_steps_than_asked_for_is_told_how_they_count(place: Path, tmp_path: Path) -> None:
    learn(new(opened(request(place, "segment")), tmp_path, ALONE, 0))
    with pytest.raises(Failure, match="has made 4 steps, and --steps counts from its beginning") as caught:
        resumed(find(tmp_path, tasks=("segment",)), ALONE, 0, 3, None)
    assert "for 3 more: --steps 7" in caught.value.remedy


def test_a_run_that_torchrun_starts_again_is_found_by_its_job(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a job")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    assert restarted(tmp_path, ALONE, said.append, TASKS) is None
    setup = new(opened(request(place, "segment")), tmp_path, ALONE, 0)
    new(opened(request(place, "vqa")), tmp_path / "others", ALONE, 0)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert restarted(tmp_path, ALONE, said.append, TASKS) == setup.run
    assert said == ["a process has died: segment-segment-1 goes on from its last checkpoint (restart 1)"]
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "another job")
    assert restarted(tmp_path, ALONE, said.append, TASKS) is None
