"""Visual question answering as a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

import attrs
import torch
from attrs import frozen
from PIL import Image

from spacelang.amount import counted
from spacelang_runtime.engine.distributed import World, precision
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.tasks.backbone import Backbone
from spacelang_runtime.tasks.colours import with_words
from spacelang_runtime.tasks.files import picture, read_json
from spacelang_runtime.tasks.recipe import TransferRecipe
from spacelang_runtime.tasks.task import Figures, Labels, Show, Task
from spacelang_runtime.tasks.unread import Skip
from spacelang_runtime.tasks.vqa.answerer import LOSSES, Answerer, bert_of, small_bert
from spacelang_runtime.tasks.vqa.measure import measure
from spacelang_runtime.tasks.vqa.pairs import VqaBatches, grouped, seen
from spacelang_runtime.tasks.vqa.questions import Questions, answers_of, read
from spacelang_runtime.tasks.vqa.tokenizer import PAD, WordPieces, of_bert, of_texts

TOLD = 3  # answers that are drawn


@frozen(eq=False)
class Questioned:
    """The questions to train and to test on. labels: the answers that are classes, the vocabulary, the
    transformer's configuration. first: the batches of the first rank, for the order of all."""

    questions: Questions
    labels: Labels
    recipe: TransferRecipe
    first: VqaBatches

    @property
    def fingerprint(self) -> str:
        return self.questions.fingerprint

    @property
    def per_epoch(self) -> int:
        return self.first.order.per_epoch

    @property
    def multiple(self) -> int:
        return self.recipe.model.texts

    def summary(self) -> list[str]:
        train, test, answers = self.questions.train, self.questions.test, self.labels["answers"]
        known = sum(any(answer in set(answers) for answer in question.answers) for question in test)
        common, times = Counter(answer for question in test for answer in question.answers).most_common(1)[0]
        whole = sum(len(question.answers) for question in test)
        return [
            f"form:  {self.questions.form}",
            f"train: {counted(len(train), 'question')} about {counted(len(grouped(train)), 'image')}",
            f"test:  {counted(len(test), 'question')} about {counted(len(grouped(test)), 'image')}",
            f"{len(answers)} answers are classes; {known / len(test):.1%} of the test questions have one of them; "
            f"always to say {common!r} agrees with {times / whole:.1%} of the test answers",
            counted(len(self.labels["vocabulary"]), "word"),
            *(["blind: all images are grey"] if self.recipe.model.blind else []),
            *self.questions.left_out,
        ]

    def images(self) -> list[Path]:
        questions = (*self.questions.train, *self.questions.test)
        return list(dict.fromkeys(question.image for question in questions))

    def marks(self) -> list[str]:
        asked = Counter(question.image for question in (*self.questions.train, *self.questions.test))
        return [f"{asked[image]} questions" for image in self.images()]

    def look(self, number: int) -> None:
        picture(self.images()[number])

    def without(self, broken: Collection[int], facts: Mapping[int, None]) -> Questioned:
        if not broken:
            return self
        every = self.images()
        gone = {every[number] for number in broken}
        train, test = (
            tuple(question for question in part if question.image not in gone)
            for part in (self.questions.train, self.questions.test)
        )
        if not train or not test:
            raise Failure(f"all {'test' if train else 'training'} images are broken", "restore them")
        questions = attrs.evolve(self.questions, train=train, test=test)
        return Questioned(questions, self.labels, self.recipe, _batches(questions, self.labels, self.recipe, 0, 1))

    def parts(self, rank: int, world: int, micro: int | None = None) -> VqaBatches:
        return _batches(self.questions, self.labels, self.recipe, rank, world, micro)


def open_questioned(folder: Path, recipe: TransferRecipe, labels: Labels | None, bert: Path | None) -> Questioned:
    """The data of a folder with questions."""
    batch, texts = recipe.train.batch, recipe.model.texts
    if batch % texts or recipe.train.micro % texts:
        raise Failure(
            f"{batch} texts a batch, {recipe.train.micro or batch} at a time, are no whole images of {texts} texts",
            f"take multiples of {texts} for batch and micro",
        )
    questions = read(folder)
    if labels is None:
        config = None
        if bert is not None:
            vocabulary = of_bert(bert)
            config = read_json(bert / "config.json", "BERT's configuration")
            if recipe.model.words >= config.get("max_position_embeddings", 512):
                raise Failure(f"texts of {recipe.model.words} words are too long for {bert}")
        else:
            vocabulary = of_texts(question.text for question in questions.train)
        labels = {
            "answers": list(answers_of(questions.train, recipe.model.answers)),
            "vocabulary": vocabulary,
            "bert": config or small_bert(recipe.model, len(vocabulary)),
        }
    return Questioned(questions, labels, recipe, _batches(questions, labels, recipe, 0, 1))


def _batches(
    questions: Questions, labels: Labels, recipe: TransferRecipe, rank: int, world: int, micro: int | None = None
) -> VqaBatches:
    train = recipe.train
    return VqaBatches(
        questions.train,
        labels["answers"],
        labels["vocabulary"],
        recipe.model,
        train.batch,
        train.micro if micro is None else micro,
        train.seed,
        rank,
        world,
    )


def build(network: Network, recipe: TransferRecipe, labels: Labels, bert: Path | None) -> Answerer:
    """The answerer over a network."""
    backbone = Backbone(network, recipe.train)
    pad = labels["vocabulary"].index(PAD)
    return Answerer(backbone, recipe.model, len(labels["answers"]), bert_of(labels["bert"], bert), pad)


def measure_test(
    model: Answerer,
    data: Questioned,
    recipe: TransferRecipe,
    world: World,
    workers: int,
    show: Show,
    multi: bool,
    skip: Skip,
) -> Figures:
    labels, questions = data.labels, data.questions.test
    told = labels["answers"], labels["vocabulary"]
    return measure(model, questions, *told, recipe.model, world, workers, show, skip)


def predict(
    model: Answerer, recipe: TransferRecipe, labels: Labels, image: Image.Image, question: str, device: torch.device
) -> tuple[Image.Image, str]:
    """An image with a question and the likeliest answers below it; and the likeliest in words."""
    words = WordPieces(labels["vocabulary"], recipe.model.words)([question]).to(device)
    with precision(device):
        scores = model.answers(seen(image, recipe.model)[None].to(device), words, torch.zeros(1, dtype=torch.long))
    sure = scores[0].sigmoid() if recipe.model.loss == "binary" else scores[0].softmax(0)
    best = sure.topk(min(TOLD, len(sure)))
    told = [
        f"{labels['answers'][n]} {p:.0%}" for p, n in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
    return with_words(image, [question, ", ".join(told)]), told[0]


def rehearse(model: Answerer, recipe: TransferRecipe, texts: int, device: torch.device) -> None:
    """Images' and texts' way through everything but the losses."""
    images = -(-texts // recipe.model.texts)
    owner = torch.arange(images, device=device).repeat_interleave(recipe.model.texts)
    words = torch.zeros(len(owner), recipe.model.words, dtype=torch.int64, device=device)
    side = recipe.model.image
    model.scores(torch.empty(images, 3, side, side, device=device), words, owner)


VQA = Task("vqa", LOSSES, open_questioned, build, measure_test, predict, rehearse)
