"""From an request to a run that trains: the built-in digits, resumed from the disk alone."""

import json
from fractions import Fraction

import pytest
from attrs import evolve
from image_folder import image_folder
from tiny_training import ALONE, SPACE, learn

from spacelang_runtime.engine.checkpoint import load
from spacelang_runtime.engine.distributed import World
from spacelang_runtime.engine.resume import require_more
from spacelang_runtime.engine.run import find, write_state
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing
from spacelang_runtime.tasks.supernet.data import dataset_of, preprocessing_of
from spacelang_runtime.tasks.supernet.setup import TrainRequest, new, resumed

RECIPE = evolve(SPACE.train, rand_augment=0, erasing=0, mixup=0, cutmix=0, epochs=1)
REQUEST = TrainRequest(
    evolve(SPACE, train=RECIPE), "space tiny\n", "digits", ("train", "tiny.space"), {"epochs": "1"}, steps=3
)


def _quiet(line):
    pass


def test_a_run_records_what_it_really_used(tmp_path):
    said = []
    setup = new(REQUEST, tmp_path, ALONE, 0, said.append)
    run = find(tmp_path)
    assert run == setup.run
    assert run.record.data.classes == tuple("0123456789")
    assert run.space.train == RECIPE
    assert run.record.task == "supernet"
    assert run.record.overrides == {"epochs": "1"}
    assert (run.record.limits.steps, run.record.processes, run.source) == (3, 1, "space tiny\n")
    # The tiny space has four classes, the digits ten.
    assert run.space.frame.classes == setup.subnets.largest.frame.classes == 10
    assert any("10 classes, not 4" in line for line in said)


@pytest.mark.parametrize(("spent", "more"), [(0.4, "1s"), (7.2, "15s"), (299, "598s"), (301, "11m")])
def test_a_run_that_its_budget_has_ended_is_offered_more_than_it_has_had(tmp_path, spent, more):
    learn(new(REQUEST, tmp_path, ALONE, 0, _quiet))
    checkpoint = load(find(tmp_path).checkpoint)
    state = evolve(checkpoint.state, elapsed=spent)
    limits = evolve(checkpoint.limits, steps=99, budget=spent / 2)
    with pytest.raises(Failure) as ended:
        require_more(find(tmp_path), limits, evolve(checkpoint, state=state))
    assert ended.value.remedy.endswith(f"--budget {more}")


def test_a_run_resumes_from_the_disk_with_its_own_limits_or_larger_ones(tmp_path):
    learn(new(REQUEST, tmp_path, ALONE, 0, _quiet))
    run = find(tmp_path)
    with pytest.raises(Failure, match="has ended: 3 steps of 3") as ended:
        resumed(run, ALONE, 0, _quiet)
    assert "--steps 6" in ended.value.remedy
    with pytest.raises(Failure, match="has made 3 steps, and --steps counts from its beginning"):
        resumed(run, ALONE, 0, _quiet, steps=2)
    assert learn(resumed(run, ALONE, 0, _quiet, steps=5)).state.step == 5
    assert run.state.limits.steps == 5
    kept = load(run.checkpoint).optimizer["param_groups"]
    write_state(run, evolve(run.state, step=4, finished=False))  # killed before it had kept that it has ended
    learn(resumed(run, ALONE, 0, _quiet))
    assert run.state.finished
    assert load(run.checkpoint).optimizer["param_groups"] == kept


def test_epochs_are_the_limit_where_nothing_else_is_given(tmp_path):
    setup = new(evolve(REQUEST, steps=None), tmp_path, ALONE, 0, _quiet)
    assert setup.limits.steps == setup.dataset.steps_per_epoch(RECIPE.batch)
    assert setup.limits.budget is None


def test_a_batch_that_processes_cannot_share_evenly_is_refused(tmp_path):
    with pytest.raises(Failure, match="8 images cannot be shared out evenly among 3") as failure:
        new(REQUEST, tmp_path, World(0, 3, ALONE.device), 0, _quiet)
    assert "batch = 9" in failure.value.remedy


def test_a_batch_of_more_than_all_images_is_refused_before_there_is_a_run(tmp_path):
    space = evolve(SPACE, train=evolve(RECIPE, batch=20_000))
    request = evolve(REQUEST, space=space, overrides={"batch": "20000"})
    with pytest.raises(Failure, match="a batch of 20000 is more than the 1293 training images of digits"):
        new(request, tmp_path, ALONE, 0, _quiet)
    assert list(tmp_path.iterdir()) == []


def test_data_that_has_changed_is_refused(tmp_path):
    run = new(REQUEST, tmp_path, ALONE, 0, _quiet).run
    assert dataset_of(run, _quiet).fingerprint == run.record.data.fingerprint
    data = evolve(run.record.data, fingerprint="another")
    with pytest.raises(Failure, match="its images have changed"):
        dataset_of(evolve(run, record=evolve(run.record, data=data)), _quiet)


@pytest.mark.parametrize(("batches", "batch"), [("shared", 3), ("split", 4)])
def test_a_batch_that_few_images_do_not_fill_is_made_to_fit_and_said(tmp_path, batches, batch):
    """Eight steps an epoch; a split batch has a part for each network; the rate goes with the square root."""
    photos = image_folder(tmp_path / "photos")
    recipe = evolve(RECIPE, batch=512, batches=batches, learning_rate=Fraction(1, 1000), holdout=Fraction(1, 10))
    said = []
    setup = new(
        evolve(REQUEST, data=str(photos), space=evolve(SPACE, train=recipe)), tmp_path, ALONE, 0, said.append
    )
    rate = float(setup.space.train.rate)
    assert setup.space.train.batch == setup.dataset.recipe.batch == setup.run.space.train.batch == batch
    assert rate == pytest.approx(0.001 * (batch / 512) ** 0.5, rel=0.02)
    assert f"photos has 27 training images, fewer than a batch of 512: this run has batch = {batch}" in said[-1]
    asked = evolve(REQUEST, data=str(photos), space=evolve(SPACE, train=recipe), overrides={"batch": "512"})
    with pytest.raises(Failure, match="a batch of 512 is more than the 27") as failure:
        new(asked, tmp_path, ALONE, 0, _quiet)
    assert f"--set batch={batch}," in failure.value.remedy


@pytest.fixture
def photographed(tmp_path):
    """A run of three steps on photos."""
    photos = image_folder(tmp_path / "photos")
    setup = new(evolve(REQUEST, data=str(photos)), tmp_path / "runs", ALONE, 0, _quiet)
    learn(setup)
    return find(tmp_path / "runs"), photos


def test_a_run_whose_data_has_moved_is_told_where_it_is(photographed):
    run, photos = photographed
    moved = photos.rename(photos.parent / "moved")
    with pytest.raises(Failure, match=f"the data of {run.name} is not here: {photos}") as failure:
        dataset_of(run, _quiet)
    assert failure.value.remedy == "say where it is: --data FOLDER"
    assert dataset_of(run, _quiet, where=str(moved)).fingerprint == run.record.data.fingerprint
    resumed(run, ALONE, 0, _quiet, steps=4, where=str(moved))
    assert find(run.folder.parent).record.data.where == str(moved)
    other = image_folder(photos.parent / "other", size=(30, 20))
    with pytest.raises(Failure, match=r"its images have changed: 6 changed \(train/ant, train/bee, …\)"):
        resumed(run, ALONE, 0, _quiet, steps=4, where=str(other))


def test_a_relative_folder_that_is_not_here_is_said_to_be_one(photographed, monkeypatch):
    run, _ = photographed
    run = evolve(run, record=evolve(run.record, data=evolve(run.record.data, where="photos")))
    monkeypatch.chdir("/")
    with pytest.raises(Failure, match="is not here: photos, as seen from where it was trained, not /"):
        dataset_of(run, _quiet)


def test_a_training_goes_on_with_data_that_was_mended_and_says_what_changed(photographed):
    run, photos = photographed
    (photos / "train" / "bee" / "009.png").unlink()
    with pytest.raises(Failure, match=r"its images have changed: 1 changed \(train/bee\)") as failure:
        dataset_of(run, _quiet)
    assert f"spacelang train --resume {run.name}" in failure.value.remedy
    said = []
    resumed(run, ALONE, 0, said.append, steps=4)
    assert said == [f"{photos} has changed since {run.name} began: 1 changed (train/bee)"]
    dataset_of(find(run.folder.parent), _quiet)


def test_a_run_records_the_preprocessing_that_suits_its_pictures_and_keeps_it(tmp_path):
    setup = new(REQUEST, tmp_path, ALONE, 0, _quiet)
    assert find(tmp_path).record.preprocessing == setup.dataset.preprocessing == Preprocessing(1.0)
    other = Preprocessing(0.9, "bilinear")
    run = new(evolve(REQUEST, preprocessing=other), tmp_path, ALONE, 0, _quiet).run
    assert find(tmp_path, run.name).record.preprocessing == dataset_of(run, _quiet).preprocessing == other
    assert preprocessing_of(run, _quiet) == other


def test_a_run_from_before_that_is_scored_as_it_was_with_most_of_its_pictures(tmp_path):
    """They were looked at whole where they were not larger than the space's image, and else at seven eighths."""
    for name, side, crop in (("small", 8, 1.0), ("large", 9, 0.875)):
        photos = image_folder(tmp_path / name, size=(side + 5, side))
        request = evolve(REQUEST, data=str(photos), preprocessing=Preprocessing(0.5))
        run = new(request, tmp_path / "runs", ALONE, 0, _quiet).run
        record = json.loads((run.folder / "run.json").read_text())
        assert record.pop("preprocessing")["crop"] == 0.5
        (run.folder / "run.json").write_text(json.dumps(record))
        run = find(tmp_path / "runs", run.name)
        assert run.record.preprocessing is None
        assert preprocessing_of(run, _quiet) == dataset_of(run, _quiet).preprocessing == Preprocessing(crop)
        photos.rename(tmp_path / f"{name} elsewhere")
        said = []
        assert preprocessing_of(run, said.append) == Preprocessing(0.875)
        assert f"is not here: {photos}" in said[0]
