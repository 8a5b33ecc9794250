"""A data set opened for one frame and one recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import torch
from attrs import define
from torch import Tensor

from spacelang.architecture import Frame
from spacelang.recipe import Train
from spacelang_runtime.data import resident
from spacelang_runtime.data.augment import augmented, view_of
from spacelang_runtime.data.batch import Boxes, ImageBatch, Views
from spacelang_runtime.data.digits import digits
from spacelang_runtime.data.fit import fitting
from spacelang_runtime.data.forms.known import listed
from spacelang_runtime.data.in_memory import preload, room
from spacelang_runtime.data.labelled import LabelledSplit, labelled, require_channels
from spacelang_runtime.data.mixup import mixed
from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.data.pictures import Files, Grey, Held, Pictures
from spacelang_runtime.data.prefetch import Batch, ahead, whole
from spacelang_runtime.data.random_crop import random_crops
from spacelang_runtime.data.sampler import Sampler
from spacelang_runtime.data.skipped import Skipped
from spacelang_runtime.data.source import Split
from spacelang_runtime.data.splits import TestShare, source
from spacelang_runtime.data.stratify import stratified
from spacelang_runtime.data.training_data import HeldOut, TrainingData, held_out_again
from spacelang_runtime.data.workers import worked
from spacelang_runtime.failure import Failure
from spacelang_runtime.preprocessing import Preprocessing, chosen

STEPS_AHEAD = 2  # by how many the workers are before the training, at least


@define
class Dataset:
    """Pictures in three splits that share none: training, search (held out of training, fixed) and test.

    classes: names in alphabetical order; a label is an index into them. fingerprint: SHA-256 over names and sizes
    of the files, to know the data again. files: what there is of each class, in words. form: what the data
    was taken for; understood: the same with what it has, in a line. preprocessing: how pictures become what is
    scored, and its mean and deviation what is trained on too. held_out: for the test. skipped: the
    broken images met so far, by name, with the reason.
    """

    name: str
    classes: tuple[str, ...]
    fingerprint: str
    files: dict[str, str]
    form: str
    understood: str
    frame: Frame
    recipe: Train
    preprocessing: Preprocessing
    held_out: HeldOut
    workers: int
    say: Callable[[str], None]
    train: Split
    search: LabelledSplit
    test: LabelledSplit
    room: int  # bytes of this host's memory that decoded images may take
    _skip: Skipped
    _held: Held | None = None
    _resident: resident.Resident | None = None

    @property
    def train_size(self) -> int:
        return len(self.train)

    @property
    def held(self) -> bool:
        """Whether the training pictures are kept decoded."""
        return self._held is not None

    @property
    def skipped(self) -> dict[str, str]:
        return dict(self._skip.reasons)

    def leave_out(self, broken: Mapping[str, str]) -> None:
        """Know of images that cannot be read, by path, with the reason: no word is said of them again."""
        self._skip.reasons.update(broken)

    def steps_per_epoch(self, batch: int) -> int:
        """Steps of an epoch: the incomplete last batch is dropped. Raises `Failure` where a batch is more than all
        images."""
        return self._schedule(batch).steps_per_epoch

    def _schedule(self, batch: int) -> Sampler:
        if batch > len(self.train):
            raise Failure(
                f"a batch of {batch} is more than the {len(self.train)} training images of {self.name}",
                f"take a smaller one, such as --set batch={fitting(self.recipe, len(self.train))}, or add images",
            )
        return Sampler(len(self.train), batch, self.recipe.repeats, self.recipe.seed)

    def train_batches(
        self,
        first_step: int = 0,
        steps: int | None = None,
        rank: int = 0,
        world: int = 1,
        device: torch.device | str = "cpu",
    ) -> Iterator[Batch]:
        """The batches of `steps` steps from `first_step` on (None: without end), this rank's share of each.

        Steps count from 0 over all epochs. What a batch holds follows from the recipe (its seed and batch, which is
        that of all ranks together), the step, the rank and the world alone; the ranks' batches of a step are
        together the views of the undivided batch, before each rank mixes its own (mixup, cutmix). Raises `Failure`
        where the images cannot be read any more.
        """
        device, recipe = torch.device(device), self.recipe
        if recipe.batch < world:
            raise Failure(
                f"a batch of {recipe.batch} cannot be shared by {world} GPUs", "use a larger batch, or fewer GPUs"
            )
        numbers = range(first_step, 2**48 if steps is None else first_step + steps)
        made = self._made(numbers, rank, world, device)
        # Workers draw from generators of their own; without them the trainer's are borrowed, which takes turns.
        in_turns = device.type != "cuda" or not self.workers or isinstance(self.train.pictures, Grey)
        return made if in_turns else ahead(made, device)

    def _made(self, steps: range, rank: int, world: int, device: torch.device) -> Iterator[Batch]:
        recipe, schedule = self.recipe, self._schedule(self.recipe.batch)
        with closing(self._views(schedule, steps, rank, world, device)) as views:
            for step, drawn in zip(steps, views, strict=True):
                for name, reason in drawn.broken:
                    self._skip(name, reason)
                images = self.normalise(augmented(drawn.images, recipe, step, rank, world))
                yield Batch(*mixed(images, drawn.labels, len(self.classes), recipe, step, rank))

    def normalise(self, images: Tensor) -> Tensor:
        """Images of the splits as a network reads them: see `normalise`."""
        return normalise(images, self.preprocessing)

    def _views(
        self, schedule: Sampler, steps: range, rank: int, world: int, device: torch.device
    ) -> Iterator[ImageBatch]:
        """The cropped images of steps, as bytes on a device."""
        pictures = self.train.pictures
        if isinstance(pictures, Grey):
            array, labels = torch.from_numpy(pictures.array)[:, None], torch.from_numpy(self.train.labels)
            for step in steps:
                indices = torch.from_numpy(schedule.indices(step, rank, world))
                views = random_crops(array[indices], self.recipe, step, rank, world)
                views = views.repeat(1, self.frame.channels, 1, 1).to(device)
                yield ImageBatch(views, labels[indices].to(device), [])
            return
        view = view_of(self.recipe, self.frame.image, self.frame.channels, self.preprocessing)
        held = self._hold(pictures, len(steps) * schedule.batch)
        job = Views(held, self.train.labels, schedule, view, rank, world)
        if isinstance(held, Held) and view.crop is not None and (here := self._on_device(held, device)):
            with closing(worked(Boxes(job), steps, self.workers, ahead=STEPS_AHEAD)) as pieces:
                for drawn in whole(pieces, 1, device):
                    views = resident.crops(here, drawn.images, view.side, view.channels)
                    yield ImageBatch(views, drawn.labels, drawn.broken)
            return
        numbers = range(steps.start * job.parts, steps.stop * job.parts)
        pieces = worked(job, numbers, self.workers, pin=device.type == "cuda", ahead=STEPS_AHEAD * job.parts)
        with closing(pieces):
            yield from whole(pieces, job.parts, device)

    def _on_device(self, held: Held, device: torch.device) -> resident.Resident | None:
        """The training pictures on a device, copied to it once; None where it has no room for them."""
        if self._resident is None and resident.fits(held, device):
            self._resident = resident.resident(held, device)
        return self._resident

    def _hold(self, pictures: Files | Grey, views: int) -> Pictures:
        """The training pictures, decoded once if they fit and most of them will be used (`in_memory`)."""
        if self._held is None and isinstance(pictures, Files) and 2 * views >= len(pictures):
            found = preload(pictures, self.room, self.workers, self._skip, self.say)
            self._held = found if isinstance(found, Held) else None
        return self._held or pictures


def open_dataset(
    where: str,
    frame: Frame,
    recipe: Train,
    workers: int,
    say: Callable[[str], None],
    preprocessing: Preprocessing | None = None,
    held_out: TestShare | None = None,
    learned: TrainingData | None = None,
) -> Dataset:
    """The data at `where`: "digits", or data of any form that is known (`forms`; "./digits" is a folder).

    frame: its image side and channels are what pictures are turned into; its classes are not looked at. recipe: its
    seed, batch, augmentation and holdout. workers: processes that decode and augment; 0: none. say: told what a
    person should know, in one line each. preprocessing: what is scored by; None: chosen by the sizes of the
    training images (`preprocessing.chosen`). held_out: for the test, of data without a test split;
    learned: what the weights that train on were trained on (`held_out_again`). Files are listed, not read, but for
    those sizes. Raises `Failure` for data that cannot be used.
    """
    require_channels(frame)
    held = HeldOut(held_out)
    if where == "digits":
        found = digits(frame.image)
    else:
        listing = listed(where)
        for line in listing.said:  # before anything is refused, which they may tell the reason of
            say(line)
        held = held_out_again(listing, held_out, learned, say)
        found = source(listing, 2 * frame.image, held.share)
    for line in found.said:
        say(line)
    every = found.train
    searched = stratified(every.labels, every.rank, round(recipe.holdout * len(every)))
    if recipe.holdout and not searched.any():
        raise Failure(
            f"{found.name}: holdout {float(recipe.holdout):g} of {len(every)} training images is none, "
            "and the search would have nothing to score on",
            "add training images (a class needs at least two), or write a larger holdout in the train block",
        )
    seen = preprocessing or chosen(every.pictures.shorter_sides(), frame.image)
    skip = Skipped(say)

    def scored(split: Split) -> LabelledSplit:
        return labelled(found.name, found.classes, split, frame, seen, workers, skip)

    return Dataset(
        name=found.name,
        classes=found.classes,
        fingerprint=found.fingerprint,
        files=found.files,
        form=found.form,
        understood=found.understood,
        frame=frame,
        recipe=recipe,
        preprocessing=seen,
        held_out=held,
        workers=workers,
        say=say,
        train=every.take(~searched),
        search=scored(every.take(searched)),
        test=scored(found.test),
        room=room(),
        skip=skip,
    )
