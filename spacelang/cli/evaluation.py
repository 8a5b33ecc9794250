"""What `spacelang eval` has measured, as tables for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spacelang.amount import short
from spacelang.cli.terminal import console, grid

if TYPE_CHECKING:
    from spacelang_runtime.app.evaluate import Row

WIDEST = 20  # classes, up to which a confusion matrix is shown whole
PAIRS = 20  # the most frequent confusions, where it is not


def show(rows: Sequence[Row], split: str) -> None:
    """Print what was measured, each share with its 95 % interval over the images."""
    console().print(grid([split, *_COLUMNS], [_cells(one) for one in rows]))
    for one in rows:
        if "classes" in one:
            _show_classes(one)


_COLUMNS = ["name", "top-1", "top-5", "ECE", "img/s", "images", "MACs", "params"]


def _cells(one: Row) -> list[str]:
    pace = one["images_a_second"]
    return [
        str(one["what"]),
        str(one["name"]),
        f"{one['top1']:.2%} sd {one['sd']:.2%}" if "sd" in one else _share(one, "top1"),
        _share(one, "top5") if "top5" in one else "–",
        f"{one['calibration_error']:.2%}",
        f"{pace:.0f}" if pace >= 10 else f"{pace:.2g}",
        str(one["images"]),
        short(int(one["flops"])),
        short(int(one["params"])),
    ]


def _share(one: Row, key: str) -> str:
    """A share with its interval, in percent: `93.06% [89.9, 95.2]`; a dash where there is none."""
    if one[key] is None:
        return "–"
    interval = one.get(f"{key}_interval")
    return f"{one[key]:.2%}" + (f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else "")


def _show_classes(one: Row) -> None:
    """Print the accuracy by class, and which classes are taken for which."""
    out, classes, matrix = console(), one["classes"], one["confusion"]
    names = [each["class"] for each in classes]
    title = " ".join(word for word in (one["what"], one["name"]) if word)
    out.print()
    out.print(f"{title} by class", soft_wrap=True, markup=False)
    body = [[each["class"], _share(each, "top1"), str(each["images"])] for each in classes]
    out.print(grid(["class", "top-1", "images"], body))
    out.print()
    if len(names) <= WIDEST:
        out.print(f"{title}: images of each class (rows) that were taken for each (columns)", markup=False)
        body = [[name, *map(str, line)] for name, line in zip(names, matrix, strict=True)]
        out.print(grid(["", *names], body))
        return
    pairs = sorted(
        ((-count, row_, column) for row_, line in enumerate(matrix) for column, count in enumerate(line))
    )
    wrong = [(count, row_, column) for count, row_, column in pairs if count and row_ != column][:PAIRS]
    out.print(f"{title}: the {len(wrong)} most frequent confusions; --json has all of them", markup=False)
    body = [[names[row_], names[column], str(-count)] for count, row_, column in wrong]
    out.print(grid(["class", "taken for", "images"], body))
