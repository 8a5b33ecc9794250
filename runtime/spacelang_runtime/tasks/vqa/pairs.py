"""Batches of images with texts: each image with some questions of its own and some of other images."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from spacelang_runtime.engine.objective import in_parts
from spacelang_runtime.preprocessing import MEAN
from spacelang_runtime.seeding import seed_of
from spacelang_runtime.tasks.files import picture
from spacelang_runtime.tasks.recipe import Vqa
from spacelang_runtime.tasks.replaced import Taken, replaced
from spacelang_runtime.tasks.sampler import EpochSampler
from spacelang_runtime.tasks.unread import tried
from spacelang_runtime.tasks.vqa.accuracy import accuracy
from spacelang_runtime.tasks.vqa.questions import Question
from spacelang_runtime.tasks.vqa.tokenizer import WordPieces

TESTED = 32  # images a batch in testing


class QuestionBatch(NamedTuple):
    """A batch. images: uint8 [images, 3, side, side]. words: int64 [texts, length]. owner: the image of each text.
    matched: whether a text is a question about its image. answers: [texts, classes], how right each is; of texts
    that do not match, zero."""

    images: Tensor
    words: Tensor
    owner: Tensor
    matched: Tensor
    answers: Tensor

    @property
    def size(self) -> int:
        return len(self.words)


class VqaBatches:
    """The training batches of a rank by step, in parts of at most `micro` texts.

    In an epoch every question comes once with its image, in groups of `matched`; an image's last group is filled up
    with its own questions again. order: of the groups.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        answers: Sequence[str],
        vocabulary: list[str],
        recipe: Vqa,
        batch: int,
        micro: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.questions, self.recipe, self.seed = questions, recipe, seed
        self.vocabulary, self.micro, self.rank, self.world = vocabulary, micro, rank, world
        self.classes = {answer: number for number, answer in enumerate(answers)}
        self.of = grouped(questions)
        self.groups = [
            (image, part) for image, own in enumerate(self.of) for part in range(-(-len(own) // recipe.matched))
        ]
        self.order = EpochSampler(len(self.groups), batch // recipe.texts, seed)

    @cached_property
    def words(self) -> WordPieces:
        return WordPieces(self.vocabulary, self.recipe.words)

    def __call__(self, step: int) -> Taken:
        chosen, broken = list(self.order.of(step, self.rank, self.world)), list[str]()
        epoch = step // self.order.per_epoch
        of_parts = in_parts(chosen, self.micro // self.recipe.texts)
        return Taken([self._batch(part, epoch, broken) for part in of_parts], broken)

    def texts(self, group: int, seed: int, epoch: int) -> tuple[list[int], list[int]]:
        """The questions of a group: its image's own, and others."""
        image, part = self.groups[group]
        own = list(self.of[image])
        random.Random(seed_of("transfer texts", self.seed, epoch, image)).shuffle(own)
        first = part * self.recipe.matched
        matched = [own[place % len(own)] for place in range(first, first + self.recipe.matched)]
        chance, others = random.Random(seed), []
        while len(others) < self.recipe.texts - self.recipe.matched and len(self.of) > 1:
            other = chance.randrange(len(self.questions))
            if self.questions[other].image != self.questions[own[0]].image:
                others.append(other)
        return matched, others

    def _seen(self, group: int) -> tuple[int, Tensor]:
        """A group with its image."""
        return group, seen(self.questions[self.of[self.groups[group][0]][0]].image, self.recipe)

    def _batch(self, groups: Sequence[tuple[int, int]], epoch: int, broken: list[str]) -> QuestionBatch:
        texts, owner, matched, images = [], [], [], []
        for place, (chosen, seed) in enumerate(groups):
            group, image = replaced(self._seen, chosen, len(self.groups), broken)
            images.append(image)
            own, others = self.texts(group, seed, epoch)
            texts += [*own, *others]
            owner += [place] * (len(own) + len(others))
            matched += [True] * len(own) + [False] * len(others)
        answers = torch.zeros(len(texts), len(self.classes))
        for row, (text, own) in enumerate(zip(texts, matched, strict=True)):
            if own:
                given = self.questions[text].answers
                for answer in set(given) & self.classes.keys():
                    answers[row, self.classes[answer]] = accuracy(answer, given)
        return QuestionBatch(
            images=torch.stack(images),
            words=self.words([self.questions[text].text for text in texts]),
            owner=torch.tensor(owner),
            matched=torch.tensor(matched),
            answers=answers,
        )


class VqaTests:
    """Test questions by batches of images: (images, words, owner, numbers of the questions), of those images that
    can be read; none, where none of a batch can."""

    def __init__(self, questions: Sequence[Question], vocabulary: list[str], recipe: Vqa) -> None:
        self.questions, self.vocabulary, self.recipe = questions, vocabulary, recipe
        self.of = grouped(questions)

    def __len__(self) -> int:
        return -(-len(self.of) // TESTED)

    def __call__(self, number: int) -> Taken:
        every = self.of[number * TESTED : (number + 1) * TESTED]
        opened = [tried(self.one, group) for group in every]
        broken = [reason for taken in opened for reason in taken.broken]
        own = [group for group, taken in zip(every, opened, strict=True) if taken.parts]
        if not own:
            return Taken([], broken)
        texts = [text for group in own for text in group]
        batch = (
            torch.stack([image for taken in opened for image in taken.parts]),
            WordPieces(self.vocabulary, self.recipe.words)([self.questions[text].text for text in texts]),
            torch.tensor([place for place, group in enumerate(own) for _ in group]),
            texts,
        )
        return Taken([batch], broken)

    def one(self, group: list[int]) -> Tensor:
        """The image of some questions."""
        return seen(self.questions[group[0]].image, self.recipe)


def grouped(questions: Sequence[Question]) -> list[list[int]]:
    """The numbers of the questions of each image."""
    of: dict[Path, list[int]] = {}
    for number, question in enumerate(questions):
        of.setdefault(question.image, []).append(number)
    return list(of.values())


def seen(image: Path | Image.Image, recipe: Vqa) -> Tensor:
    """An image as the model sees it: uint8 [3, side, side]; grey for a blind one."""
    side = recipe.image
    if recipe.blind:
        grey = torch.tensor([round(255 * mean) for mean in MEAN], dtype=torch.uint8)
        return grey.view(3, 1, 1).expand(3, side, side).clone()
    opened = picture(image) if isinstance(image, Path) else image
    if opened.size != (side, side):
        opened = opened.resize((side, side), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(opened)).permute(2, 0, 1).contiguous()
