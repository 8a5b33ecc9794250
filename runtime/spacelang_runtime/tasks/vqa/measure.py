"""The accuracy of answers to test questions."""

from __future__ import annotations

from collections.abc import Sequence

from spacelang.amount import counted
from spacelang_runtime.engine.distributed import World, all_gather, precision
from spacelang_runtime.tasks.recipe import Vqa
from spacelang_runtime.tasks.task import Figures, Show
from spacelang_runtime.tasks.unread import Skip, read, told
from spacelang_runtime.tasks.vqa.accuracy import accuracy
from spacelang_runtime.tasks.vqa.answerer import Answerer
from spacelang_runtime.tasks.vqa.pairs import VqaTests
from spacelang_runtime.tasks.vqa.questions import Question


def measure(
    model: Answerer,
    questions: Sequence[Question],
    answers: Sequence[str],
    vocabulary: list[str],
    recipe: Vqa,
    world: World,
    workers: int,
    show: Show,
    skip: Skip,
) -> Figures:
    """The mean accuracy over all questions whose images can be read, and over those of each kind where the data
    tells kinds apart."""
    tests = VqaTests(questions, vocabulary, recipe)
    own, broken = range(world.rank, len(tests), world.size), list[str]()
    by_kind: list[tuple[str, float]] = []
    for done, batches in enumerate(read(tests, own, workers, broken), 1):
        for images, words, owner, numbers in batches:
            with precision(world.device):
                scores = model.answers(images.to(world.device), words.to(world.device), owner.to(world.device))
            for number, best in zip(numbers, scores.argmax(1).tolist(), strict=True):
                by_kind.append((questions[number].kind, accuracy(answers[best], questions[number].answers)))
        show(done / len(own), f"{counted(len(by_kind), 'question')}")
    told(broken, len(tests.of), world, skip)
    every = [answer for part in all_gather(world, by_kind) for answer in part]
    figures: Figures = {"accuracy": sum(right for _, right in every) / len(every)}
    for kind in sorted({kind for kind, _ in every} - {""}):
        rights = [right for of, right in every if of == kind]
        figures[f"accuracy {kind}"] = sum(rights) / len(rights)
    return figures
