"""A checkpoint is whole or not there, is of its own space, and holds no code."""

import resource
from contextlib import contextmanager

import pytest
import torch
from attrs import evolve
from tiny_training import SPACE, new_run

from spacelang.recipe import Evolve, Train
from spacelang_runtime.engine.checkpoint import Checkpoint, TrainerState, digest, load, save
from spacelang_runtime.engine.record import Limits
from spacelang_runtime.failure import Failure


def _checkpoint(fill=1.0, size=10, space=SPACE):
    return Checkpoint(
        name=space.name,
        digest=digest(space),
        limits=Limits(12, 60.0),
        state=TrainerState(7, 3.5, 1, 0, {"largest": 1.25}),
        weights={"w": torch.full((size,), fill)},
        average=None,
        optimizer={"state": {}, "param_groups": [{"lr": 0.001, "params": [0]}]},
    )


def test_a_checkpoint_reads_back_as_it_was_written(tmp_path):
    path, written = tmp_path / "checkpoint.pt", _checkpoint()
    save(path, written)
    read = load(path, SPACE)
    assert (read.state, read.limits, read.optimizer) == (written.state, written.limits, written.optimizer)
    assert torch.equal(read.weights["w"], written.weights["w"])
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_checkpoint_that_is_open_stays_as_it_is_when_a_newer_one_takes_its_place(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save(path, _checkpoint(fill=1.0))
    read = load(path, SPACE)
    read.weights["w"].mul_(3)  # nor does working on it reach the file
    save(path, _checkpoint(fill=2.0))
    assert read.weights["w"].tolist() == [3.0] * 10
    assert load(path, SPACE).weights["w"].tolist() == [2.0] * 10


def test_the_space_decides_not_how_it_is_trained(tmp_path):
    assert digest(SPACE) == digest(evolve(SPACE, train=Train(epochs=1), evolve=Evolve(seed=9)))
    assert digest(SPACE) != digest(evolve(SPACE, frame=evolve(SPACE.frame, classes=5)))


def test_a_checkpoint_of_another_space_is_refused_and_both_are_named(tmp_path):
    path = tmp_path / "checkpoint.pt"
    other = evolve(SPACE, name="wide", frame=evolve(SPACE.frame, classes=5))
    save(path, _checkpoint(space=other))
    with pytest.raises(Failure) as failure:
        load(path, SPACE)
    assert f"wide ({digest(other)[:8]})" in failure.value.message
    assert f"tiny ({digest(SPACE)[:8]})" in failure.value.message


def test_no_checkpoint_says_so(tmp_path):
    with pytest.raises(Failure, match="has no checkpoint"):
        load(new_run(tmp_path).checkpoint, SPACE)


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_cut_file_is_named(tmp_path, keep):
    path = tmp_path / "checkpoint.pt"
    save(path, _checkpoint())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(Failure, match=r"checkpoint\.pt cannot be read"):
        load(path, SPACE)


class _Attack:
    def __reduce__(self):
        return (print, ("code ran",))


def test_a_file_that_would_run_code_is_refused_unrun(tmp_path, capsys):
    path = tmp_path / "checkpoint.pt"
    torch.save({"format": _Attack()}, path)
    with pytest.raises(Failure, match="cannot be read"):
        load(path, SPACE)
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize("value", [[], {"format": "spacelang.checkpoint/0"}, {"weights": {}}])
def test_a_file_of_something_else_is_refused(tmp_path, value):
    path = tmp_path / "checkpoint.pt"
    torch.save(value, path)
    with pytest.raises(Failure, match="no checkpoint of this version"):
        load(path, SPACE)


@contextmanager
def _little_room():
    """Files of this process may not grow beyond 64 KiB: writing fails as on a full disk, with an OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_a_failure_and_keeps_the_checkpoint_before(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save(path, _checkpoint(fill=1.0))
    with _little_room(), pytest.raises(Failure) as failure:
        save(path, _checkpoint(fill=2.0, size=2**20))
    assert failure.value.message == f"cannot write {path}: File too large; the one written before is kept"
    assert "make room" in failure.value.remedy
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert load(path, SPACE).weights["w"].tolist() == [1.0] * 10


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_one_flipped_bit_of_the_weights_is_told(tmp_path, place):
    path = tmp_path / "checkpoint.pt"
    save(path, _checkpoint(size=10_000))
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(Failure, match=r"checkpoint\.pt is damaged: .* is not as it was written"):
        load(path, SPACE)
