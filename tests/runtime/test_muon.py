"""Muon over all matrices at once is `torch.optim.Muon` over each by itself, in few operations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_training import new_setup
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from spacelang.lower.lowered import lower
from spacelang.lower.plan import of_architecture
from spacelang_runtime.engine.newton_schulz import STEPS, A, B, C, orthogonalise_
from spacelang_runtime.engine.optimizer import Optimizer, optimizer_of
from spacelang_runtime.engine.padding import MORE, padded, work
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.supernet import Supernet
from spacelang_runtime.tasks.supernet.objective import decaying_first
from spacelang_runtime.tasks.supernet.sandwich import subnets_of
from tests.language.test_interchange import ROOT, shipped

RATE, DECAY = 0.01, 0.5


@pytest.fixture
def models(tmp_path: Path) -> tuple[Supernet, Supernet]:
    first, second = (new_setup(tmp_path).model for _ in range(2))
    return first, second


def muon(model: Supernet, dtype: torch.dtype | None = None) -> Optimizer:
    made = optimizer_of(decaying_first(model, DECAY, "muon"), notes=2)
    assert made.muon is not None
    return attrs.evolve(made, muon=attrs.evolve(made.muon, dtype=dtype or made.muon.dtype))


def draw(parameters: dict[str, nn.Parameter], step: int) -> dict[str, Tensor]:
    """Gradients that depend on the step alone."""
    chance = torch.Generator().manual_seed(step)
    return {name: torch.randn(like.shape, generator=chance).to(like.device) for name, like in parameters.items()}


def descend(model: Supernet, optimizer: Optimizer, steps: range) -> None:
    named = dict(model.named_parameters())
    for step in steps:
        for name, gradient in draw(named, step).items():
            named[name].grad.copy_(gradient)
        optimizer.step(RATE)


def torchs(model: Supernet, steps: range) -> dict[str, Tensor]:
    """The weights of a model after updates by torch's own optimizers, q, k and v each a matrix of its own."""
    named, free = dict(model.named_parameters()), model.no_weight_decay()
    own = {
        name: [nn.Parameter(matrix) for matrix in named[name].detach().clone().view(shape)]
        for name, shape in model.matrices().items()
    }
    rest = {name: nn.Parameter(parameter.detach().clone()) for name, parameter in named.items() if name not in own}
    optimizers = [
        torch.optim.Muon(
            [matrix for matrices in own.values() for matrix in matrices],
            lr=RATE,
            weight_decay=DECAY,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW([rest[name] for name in rest if name not in free], lr=RATE, weight_decay=DECAY),
        torch.optim.AdamW([rest[name] for name in rest if name in free], lr=RATE, weight_decay=0.0),
    ]
    for step in steps:
        for name, gradient in draw(named, step).items():
            if name in rest:
                rest[name].grad = gradient
                continue
            for matrix, part in zip(own[name], gradient.view(len(own[name]), *own[name][0].shape), strict=True):
                matrix.grad = part
        for optimizer in optimizers:
            optimizer.step()
    whole = {name: torch.stack(list(matrices)).view_as(named[name]) for name, matrices in own.items()}
    return {name: tensor.detach() for name, tensor in (rest | whole).items()}


def test_a_step_in_bf16_is_torchs(models: tuple[Supernet, Supernet]) -> None:
    """torch's Muon computes in bf16 on every device: equal to the rounding of that, less than 1 % of an update."""
    ours, theirs = models
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    expected = torchs(theirs, range(3))
    descend(ours, muon(ours, torch.bfloat16), range(3))
    for name, parameter in ours.named_parameters():
        if name in ours.matrices():
            difference, update = parameter.detach() - expected[name], expected[name] - before[name]
            assert difference.norm() < 0.01 * update.norm(), name
        else:
            torch.testing.assert_close(parameter.detach(), expected[name])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_step_on_a_gpu_is_torchs(models: tuple[Supernet, Supernet]) -> None:
    ours, theirs = (model.cuda() for model in models)
    optimizer = muon(ours)
    assert optimizer.muon is not None
    assert optimizer.muon.dtype == torch.bfloat16
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    expected = torchs(theirs, range(3))
    descend(ours, optimizer, range(3))
    for name, parameter in ours.named_parameters():
        difference, update = parameter.detach() - expected[name], expected[name] - before[name]
        assert difference.norm() < 0.05 * update.norm(), name


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recorded_updates_are_those_started_one_by_one() -> None:
    """To the bit, over ten steps at rates that change, and as many after another optimizer has taken over."""
    lowered, weights = lower(shipped(ROOT / "spaces" / "mini.space")), []
    for records in (True, False):
        torch.manual_seed(0)
        model = Supernet(lowered.space.frame, lowered.plan).cuda()
        chance, kept = torch.Generator("cuda").manual_seed(0), None
        for _ in range(2):
            optimizer = muon(model)
            assert optimizer.muon is not None
            if kept:
                optimizer.load(kept)
            repeated = optimizer.muon._repeated
            repeated._records = records
            for step in range(10):
                optimizer.gradient.clear()
                for parameter in model.parameters():
                    parameter.grad.normal_(generator=chance)
                optimizer.step(RATE / (1 + step))
            assert (repeated._replay is not None) == records
            kept = optimizer.state()
        weights.append([parameter.detach().clone() for parameter in model.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*weights, strict=True))


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 5, 12), (1, 1, 7)])
def test_each_singular_value_goes_by_the_polynomial_and_the_vectors_stay(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    values = values / values.norm(dim=-1, keepdim=True)
    for _ in range(STEPS):
        values = A * values + B * values**3 + C * values**5
    expected = left @ torch.diag_embed(values) @ right
    orthogonalise_(matrices)
    torch.testing.assert_close(matrices, expected)


def test_a_matrix_that_no_network_has_used_stays_where_it_is() -> None:
    matrices = torch.zeros(2, 3, 4)
    orthogonalise_(matrices)
    assert not matrices.any()


def test_rows_and_columns_of_zeros_stay_zeros_and_change_nothing() -> None:
    small = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    large = torch.zeros(2, 5, 7, dtype=torch.float64)
    large[:, :3, :4] = small
    orthogonalise_(small)
    orthogonalise_(large)
    torch.testing.assert_close(large[:, :3, :4], small)
    assert not large[:, 3:].any()
    assert not large[:, :, 4:].any()


SIDES = st.tuples(st.integers(1, 40), st.integers(1, 40)).map(lambda pair: (min(pair), max(pair)))


@given(st.dictionaries(SIDES, st.integers(1, 9), max_size=8))
def test_padding_holds_every_matrix_at_a_quarter_more_work_at_most(counts: dict[tuple[int, int], int]) -> None:
    batches = padded(counts)
    assert batches.keys() == counts.keys()
    assert all(own[0] <= sides[0] and own[1] <= sides[1] for own, sides in batches.items())
    without = sum(work(own, count) for own, count in counts.items())
    assert sum(work(batches[own], count) for own, count in counts.items()) <= MORE * without


def test_what_costs_least_is_padded_first() -> None:
    assert padded({}) == {}
    assert padded({(8, 9): 20, (8, 8): 1, (2, 30): 20}) == {(8, 9): (8, 9), (8, 8): (8, 9), (2, 30): (2, 30)}


def test_what_layers_and_mergings_multiply_by_is_all_that_muon_updates(models: tuple[Supernet, Supernet]) -> None:
    model, _ = models
    names = {name.rsplit(".", 1)[-1] for name in model.matrices()}
    assert names == {"qkv_weight", "out_weight", "expand_weight", "contract_weight", "weight"}
    assert all(name.startswith("stages.") for name in model.matrices())  # not the stem, nor the head
    for name, (count, rows, columns) in model.matrices().items():
        assert model.get_parameter(name).numel() == count * rows * columns


@pytest.mark.parametrize("alone", [False, True])
def test_a_step_of_mini_is_a_hundred_operations(alone: bool) -> None:
    """One by one, its matrices would take some thousands; by sides without padding 329, and 509 in the network that
    is drawn here, which is trained alone."""

    class Counting(TorchDispatchMode):
        operations = 0

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = function(*args, **(kwargs or {}))
            if not function.is_view:
                self.operations += 1
            return made

    lowered = lower(shipped(ROOT / "spaces" / "mini.space"))
    drawn = subnets_of(lowered).draw(0, 0, 1)[0]
    model = Supernet(lowered.space.frame, of_architecture(drawn) if alone else lowered.plan)
    optimizer = muon(model.to("meta"))  # operations without numbers
    with Counting() as counting:
        optimizer.step(RATE)
    assert 50 < counting.operations < 110


def test_its_state_goes_over_to_another_one(models: tuple[Supernet, Supernet]) -> None:
    ours, theirs = models
    first, second = muon(ours), muon(theirs)
    descend(ours, first, range(3))
    kept = first.state()
    assert kept["muon"][0].keys() == {"momentum_buffer"}
    theirs.load_state_dict(ours.state_dict())
    second.load(kept)
    descend(ours, first, range(3, 5))
    descend(theirs, second, range(3, 5))
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_a_state_without_momentum_does_not_fit(models: tuple[Supernet, Supernet]) -> None:
    ours, theirs = models
    by_adamw = optimizer_of(decaying_first(theirs, DECAY), notes=2)
    with pytest.raises((KeyError, RuntimeError)):
        muon(ours).load(by_adamw.state())


def test_matrices_are_not_shared_out_among_processes(models: tuple[Supernet, Supernet]) -> None:
    with pytest.raises(Failure, match="--shard shares out AdamW's state alone") as refused:
        optimizer_of(decaying_first(models[0], DECAY, "muon"), notes=2, shards=2)
    assert refused.value.remedy == "leave --shard out, or train with optimizer = adamw"
