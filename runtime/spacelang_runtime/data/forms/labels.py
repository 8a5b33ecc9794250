"""From what stands for a class, a number or a text, to classes with names in alphabetical order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from spacelang_runtime.failure import Failure

NONE = ("", "-1")  # what stands for no label


@frozen
class FileLabels:
    """classes: names, in alphabetical order. labels: [n], an index into them, -1 for an image without one. said:
    what to tell of them, in lines."""

    classes: tuple[str, ...]
    labels: NDArray[np.int64] = field(eq=False)
    said: tuple[str, ...] = ()

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which images have a label."""
        return self.labels >= 0


def labels_of(told: NDArray[np.str_], names: Sequence[str] | None, where: str) -> FileLabels:
    """The labels of images. told: [n], a number or a text for each. names: of the numbers, from 0 on. where: for
    messages. Raises `Failure` for a number without a name, among those that have one."""
    values, place = np.unique(told, return_inverse=True)
    texts = [str(value) for value in values.tolist()]
    real = [text for text in texts if text not in NONE]
    numbers = bool(real) and all(text.isdecimal() for text in real)
    said: list[str] = []
    if numbers and names:
        over = [text for text in real if int(text) >= len(names)]
        if over:
            raise Failure(
                f"{where}: an image has the label {over[0]}, and {len(names)} classes are named",
                "labels count from 0; mend the labels, or the list of names",
            )
        if len(set(names)) < len(names):
            raise Failure(f"{where}: two of its {len(names)} classes have one name", "give each its own")
        called = {text: names[int(text)] for text in real}
        if unused := sorted(set(names) - set(called.values())):
            first = ", ".join(unused[:2])
            said.append(f"{where}: {len(unused)} of {len(names)} named classes have no image (first: {first})")
    elif numbers:
        called = {text: str(int(text)) for text in real}
        said.append(f"{where}: nothing names the numbers of its classes: they are called {real[0]}, …, {real[-1]}")
    else:
        called = {text: text for text in real}
    classes = tuple(sorted(set(called.values())))
    number = {name: label for label, name in enumerate(classes)}
    of = np.array([number[called[text]] if text in called else -1 for text in texts], dtype=np.int64)
    labels = of[place.reshape(-1)] if len(told) else np.zeros(0, np.int64)
    return FileLabels(classes, labels, tuple(said))
