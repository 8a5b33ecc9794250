"""A supernet that begins with what a network has learned: into their places, the most important first."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from networks import stirred
from tiny_training import ALONE, SPACE, learn

from spacelang import notation
from spacelang.lower.lowered import lower
from spacelang_runtime.engine.record import Distillation, Initial
from spacelang_runtime.engine.run import find
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.extract import extract
from spacelang_runtime.nn.fitted import fitted
from spacelang_runtime.nn.importance import head_importance, hidden_importance, ordered
from spacelang_runtime.nn.inherit import inherit
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import save
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.tasks.supernet.setup import TrainRequest, continued, new

LOWERED = lower(SPACE)
FRAME = "i8-p2-c4"
WIDE = f"{FRAME}/16:2xh8q32m4w4/16:3xh4q32m3w2"  # more heads and hidden channels than the space has


def supernet() -> Supernet:
    return stirred(Supernet(SPACE.frame, LOWERED.plan), seed=1)


def network(line: str) -> Network:
    return stirred(Network(notation.read(line)), seed=2).eval()


def test_an_order_by_importance_changes_no_answer() -> None:
    model = network(WIDE)
    other = Network(model.architecture).eval()
    other.load_state_dict(ordered(model.state_dict(), model.architecture))
    images = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(other(images), model(images))
    name = "stages.0.layers.0.expand.weight"
    assert not torch.equal(other.state_dict()[name], model.state_dict()[name])


def test_importance_is_the_mean_square_of_what_is_written() -> None:
    """Against a mean over many drawn tokens; of a hidden channel with max(a, 0) for GELU."""
    state = network(WIDE).double().state_dict()
    place = "stages.0.layers.0."
    layer = {name.removeprefix(place): t for name, t in state.items() if name.startswith(place)}
    z = torch.randn(200_000, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = z * layer["norm1.weight"] + layer["norm1.bias"]
    values = x @ layer["attention.qkv.weight"][64:].T + layer["attention.qkv.bias"][64:]
    parts = zip(values.split(4, 1), layer["attention.out.weight"].split(4, 1), strict=True)
    written = torch.stack([own @ out.T for own, out in parts])
    torch.testing.assert_close(head_importance(layer, 8), written.square().sum(2).mean(1), rtol=0.03, atol=0)
    x = z * layer["norm2.weight"] + layer["norm2.bias"]
    inner = (x @ layer["expand.weight"].T + layer["expand.bias"]).clamp_min(0)
    written = inner.square().mean(0) * layer["contract.weight"].square().sum(0)
    torch.testing.assert_close(hidden_importance(layer), written, rtol=0.03, atol=1e-12)


def test_a_network_of_the_space_is_in_its_place_and_answers_as_before() -> None:
    for architecture in (LOWERED.largest, LOWERED.smallest):
        model = stirred(Network(architecture), seed=3).eval()
        whole = supernet().eval()
        part = fitted(model, whole, "m")
        inherit(whole, part.architecture, part.weights)
        images = torch.randn(2, 3, 8, 8)
        assert (part.architecture, part.share) == (architecture, 1.0)
        torch.testing.assert_close(whole(images, architecture), model(images))


def test_where_the_space_is_narrower_the_most_important_stay() -> None:
    model = network(WIDE)
    part = fitted(model, supernet(), "m")
    assert notation.write(part.architecture) == f"{FRAME}/16:2xh4q16m2w4/16:3xh2q16m1.5w2"
    assert 0 < part.share < 1
    wide = model.state_dict()
    place = "stages.1.layers.2."
    layer = {name.removeprefix(place): t for name, t in wide.items() if name.startswith(place)}
    best = head_importance(layer, 4).argsort(descending=True)[:2]
    kept = part.weights[place + "attention.out.weight"].unflatten(1, (2, 8))
    assert torch.equal(kept, layer["attention.out.weight"].unflatten(1, (4, 8))[:, best])
    rows = part.weights[place + "attention.qkv.weight"].unflatten(0, (3, 2, 8))
    assert torch.equal(rows, layer["attention.qkv.weight"].unflatten(0, (3, 4, 8))[:, best])
    assert torch.equal(part.weights[place + "attention.bias"], layer["attention.bias"][best])
    best = hidden_importance(layer).argsort(descending=True)[:24]
    assert torch.equal(part.weights[place + "expand.weight"], layer["expand.weight"][best])
    whole = supernet()
    inherit(whole, part.architecture, part.weights)
    out = extract(whole, part.architecture).state_dict()
    assert all(torch.equal(out[name], tensor) for name, tensor in part.weights.items())


def test_a_larger_window_keeps_its_middle() -> None:
    lowered = lower(evolve(SPACE, stages=(evolve(SPACE.stages[0], window=SPACE.stages[1].window), SPACE.stages[1])))
    model = network(f"{FRAME}/16:h4q16m2w4/16:h2q16m1w2")
    part = fitted(model, Supernet(lowered.space.frame, lowered.plan), "m")
    table = ordered(model.state_dict(), model.architecture)["stages.0.layers.0.attention.bias"]
    assert part.architecture.stages[0].layers[0].window == 2
    assert torch.equal(part.weights["stages.0.layers.0.attention.bias"], table[:, 2:5, 2:5])


MISFITS = {
    "shapes": (
        f"{FRAME}/24:3xh3q24m1w4/16:3xh1q16m1w2",
        "m does not fit into the supernet: stage 1 is 24 wide, and at most 16 in the space; "
        "stage 1 has 3 layers, and at most 2; "
        "stage 2, layer 1: heads are 16 wide, and 8 in the space; "
        "stage 2, layer 2: heads are 16 wide, and 8 in the space; "
        "stage 2, layer 3: heads are 16 wide, and 8 in the space",
    ),
    "another image": ("i16-p2-c4/16:h4q16m1w4/16:h2q16m1w2", "it has image = 16, not 8"),
    "stages": ("i8-p2-c4-bias-norm/16:h4q16m1w4", "it has 1 stages, and the space 2"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_named_in_one_message(name: str) -> None:
    line, told = MISFITS[name]
    with pytest.raises(Failure) as failure:
        fitted(Network(notation.read(line)), supernet(), "m")
    assert told in failure.value.message


def test_other_classes_leave_the_head_as_it_was(tmp_path: Path) -> None:
    model = network(WIDE.replace("c4", "c9"))
    assert not any(name.startswith("head.classify") for name in fitted(model, supernet(), "m").weights)
    save(model, tmp_path / "m", {})
    said: list[str] = []
    recipe = evolve(SPACE.train, rand_augment=0, erasing=0, mixup=0, cutmix=0, holdout=Fraction(1, 2))
    asked = TrainRequest(
        evolve(SPACE, train=recipe), "space tiny\n", "digits", steps=3, initial=Initial(str(tmp_path / "m"))
    )
    setup = new(asked, tmp_path / "runs", ALONE, 0, said.append)
    assert "it tells 9 classes apart and not 10: the head begins anew" in said[-1]
    own = fitted(model, setup.model, "m")
    out = extract(setup.model, own.architecture).state_dict()
    assert all(torch.equal(out[name], tensor) for name, tensor in own.weights.items())
    # Killed before its first checkpoint, it begins so again; after it, it needs the model no more.
    run = find(tmp_path / "runs")
    again = continued(run, ALONE, 0, said.append, begun=False)
    assert all(torch.equal(setup.model.state_dict()[k], t) for k, t in again.model.state_dict().items())
    learn(setup)
    shutil.rmtree(tmp_path / "m")
    assert continued(run, ALONE, 0, said.append).checkpoint is not None


def test_the_command_begins_with_a_run_and_is_taught_by_it(
    spacelang: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    digits = str(Path(__file__).resolve().parents[2] / "spaces" / "digits.space")
    quick = ("--steps", "3", "--set", "batch=32", "--device", "cpu")
    assert spacelang("train", digits, *quick).code == 0
    still = ("--set", "learning_rate=0", "--set", "min_learning_rate=0")
    said = spacelang("train", digits, *quick, *still, "--weights", "digits-1", "--taught", "0.5")
    assert said.code == 0, said.err
    assert "100% of the weights of digits-1 have their places in the supernet" in said.err
    record = find(tmp_path / "runs", "digits-2").record
    assert record.initial == Initial("digits-1")
    assert record.distillation == Distillation("digits-1", 0.5)
    first, second = (
        json.loads(spacelang("eval", "largest", "--run", name, "--json", "--device", "cpu").out)[0]["top1"]
        for name in ("digits-1", "digits-2")
    )
    assert first == second, "nothing was learned at a rate of 0"
    assert "there is no run 'nothing'" in spacelang("train", digits, "--weights", "nothing").err
    assert "name it with --weights" in spacelang("train", digits, "--taught", "0.5").err
    assert "from its own weights" in spacelang("train", "--resume", "--weights", "digits-1").err
