"""The folder of a run keeps what it was, and opening one says plainly what is wrong."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
from attrs import evolve

from spacelang.architecture import Frame, to_json
from spacelang.lower.lowered import lower
from spacelang.recipe import Train
from spacelang.space import Settled, Space, StageSpace
from spacelang_runtime import atomic
from spacelang_runtime.engine.create import create
from spacelang_runtime.engine.record import Data, Limits, Record, State
from spacelang_runtime.engine.run import every, find, write_best, write_state
from spacelang_runtime.failure import Failure

STAGE = StageSpace(Settled(1), Settled(8), Settled(2), Settled(8), Settled(Fraction(7, 2)), Settled(2), Settled(4))
RECIPE = Train(epochs=3, learning_rate=Fraction(1, 3000), seed=7)
SPACE = Space("s3", 2026, Frame(8, 2, 3, 4, ("bias",), "none", "mean", True), (STAGE,), train=RECIPE)
RECORD = Record(
    task="supernet",
    data=Data("photos/", "photos", "ab12", ("cat", "dog")),
    limits=Limits(90, 480.0),
    device="cuda:0",
    command=("spacelang", "train", "s3.space"),
    overrides={"epochs": "3"},
    space="s3",
    preview=True,
)


def test_runs_are_numbered_after_their_space(tmp_path):
    assert [create(tmp_path, RECORD, "", SPACE).name for _ in range(3)] == ["s3-1", "s3-2", "s3-3"]
    assert create(tmp_path, RECORD, "", evolve(SPACE, name="mini")).name == "mini-1"


def _create(runs):
    return create(runs, RECORD, "", SPACE).name


def test_runs_made_at_the_same_time_get_names_of_their_own(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(_create, [tmp_path] * 24))
    assert sorted(names) == sorted(f"s3-{n}" for n in range(1, 25))


def test_a_run_reads_back_as_it_was_written(tmp_path):
    made = create(tmp_path, RECORD, "space s3  # naïve\n", SPACE)
    run = find(tmp_path, "s3-1")
    assert run == made
    assert run.record == evolve(RECORD, name=run.name, created=run.record.created, versions=run.record.versions)
    assert (run.source, run.space) == ("space s3  # naïve\n", SPACE)
    assert set(run.record.versions) >= {"python", "torch", "timm", "spacelang"}
    assert find(tmp_path, str(tmp_path / "s3-1")) == run


def test_the_latest_run_is_the_one_created_last_whatever_its_name(tmp_path):
    for name in ("zebra", "s3", "aardvark"):
        create(tmp_path, RECORD, "", evolve(SPACE, name=name))
    assert find(tmp_path).name == "aardvark-1"


def test_state_and_best_are_absent_until_they_are_written(tmp_path):
    run = create(tmp_path, RECORD, "", SPACE)
    assert run.state is None
    assert run.best is None
    state = State(40, Limits(90), 12.5, {"largest": 1.5, "random": 2.25}, 1, False)
    write_state(run, state)
    network = to_json(lower(SPACE).smallest)
    best = {"name": "a", "accuracy": 0.97, "images": 50, "bounds": [], "architecture": network}
    write_best(run, best)
    assert run.state == state
    assert run.best == best


def test_no_runs_yet_says_how_to_make_one(tmp_path):
    with pytest.raises(Failure) as failure:
        find(tmp_path / "runs")
    assert "no runs" in failure.value.message
    assert "spacelang train" in failure.value.remedy


def test_an_unknown_run_says_which_was_meant(tmp_path):
    create(tmp_path, RECORD, "", SPACE)
    with pytest.raises(Failure) as failure:
        find(tmp_path, "s31")
    assert "did you mean s3-1?" in failure.value.remedy


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"space": "s3"}', "\xff"])
def test_a_damaged_record_is_named_and_does_not_hide_the_other_runs(tmp_path, damage):
    good, bad = (create(tmp_path, RECORD, "", SPACE) for _ in range(2))
    (bad.folder / "run.json").write_bytes(damage.encode("latin-1"))
    with pytest.raises(Failure, match=r"run\.json is damaged"):
        find(tmp_path, bad.name)
    assert list(every(tmp_path)) == [good]
    assert find(tmp_path) == good


WRONG = {
    "a section that is a word": (("data", "digits"), 'data is "digits", and no object'),
    "a section that is a list": (("limits", [1]), "limits is [1], and no object"),
    "a number in words": (("processes", "two"), 'processes is "two", and not a whole number'),
    "a word in numbers": (("device", 3), "device is 3, and not a text"),
    "a word that is not one of two": (("preview", "no"), 'preview is "no", and neither true nor false'),
    "a list of another kind": (("command", ["train", 3]), "command[1] is 3, and not a text"),
    "a word for a list": (("command", "train"), 'command is "train", and no list'),
    "inside of a section": (("limits", {"steps": True, "budget": None}), "limits.steps is true, and not a whole"),
    "a key that is missing": (("data", {"where": "digits", "name": "d"}), "data.fingerprint is missing"),
    "a key too many": (("limits", {"steps": 3, "epochs": 2}), "limits.epochs is no key of it"),
    "a number that cannot be": (("processes", -1), "'processes' must be >= 0: -1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_damaged_record_has_wrong_is_told_by_key_and_kind(tmp_path, name):
    run = create(tmp_path, RECORD, "", SPACE)
    (key, value), told = WRONG[name]
    path = run.folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(Failure) as failure:
        find(tmp_path, run.name)
    assert failure.value.message.startswith(f"{path} is damaged: {told}")


@pytest.mark.parametrize("name", ["space.json", "state.json", "best.json"])
def test_every_file_that_is_damaged_is_named(tmp_path, name):
    run = create(tmp_path, RECORD, "", SPACE)
    (run.folder / name).write_text("{]")
    with pytest.raises(Failure, match=name):
        getattr(run, name.removesuffix(".json"))


def test_a_folder_without_a_record_is_no_run_and_keeps_its_name(tmp_path):
    (tmp_path / "s3-4").mkdir()
    assert list(every(tmp_path)) == []
    assert create(tmp_path, RECORD, "", SPACE).name == "s3-5"


def test_a_place_where_no_folder_can_be_made_is_a_failure(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(Failure, match="runs is a file, not a folder of runs"):
        create(tmp_path / "runs", RECORD, "", SPACE)
    with pytest.raises(Failure, match="cannot make a run"):
        create(tmp_path / "runs" / "below", RECORD, "", SPACE)


def test_looking_at_runs_does_not_import_torch():
    code = "import sys, spacelang_runtime.engine.run; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "best.json"
    atomic.replace_json(path, 1)

    def half(file):
        file.write(b"{")
        raise OSError(28, "No space left on device")

    with pytest.raises(Failure, match="No space left on device; the one written before is kept"):
        atomic.replace(path, half)
    assert json.loads(path.read_text()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["best.json"]
