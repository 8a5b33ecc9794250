"""What `spacelang eval` has measured: as records for a program, and as tables for a person."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from spacelang.amount import short
from spacelang.architecture import Architecture
from spacelang.cli.terminal import console, grid
from spacelang.lower.cost import price

if TYPE_CHECKING:
    from spacelang_runtime.engine.evaluate import Evaluation

FEW = 5  # classes, up to which the class of every image is among the first five
WIDEST = 20  # classes, up to which a confusion matrix is shown whole
PAIRS = 20  # the most frequent confusions, where it is not

Row = dict[str, Any]


def row(
    what: str, architecture: Architecture, evaluation: Evaluation, classes: Sequence[str], by_class: bool = False
) -> Row:
    """What is told of one network. classes: their names; by_class: whether each is told of by itself."""
    from spacelang_runtime.engine.wilson import wilson

    cost, images = price(architecture), evaluation.images
    found: Row = {
        "what": what,
        "name": architecture.name,
        "top1": evaluation.top1,
        "top1_interval": list(wilson(evaluation.first, images)),
        "top5": evaluation.top5,
        "top5_interval": list(wilson(evaluation.five, images)),
        "loss": evaluation.loss,
        "calibration_error": evaluation.calibration_error,
        "images_a_second": evaluation.images_a_second,
        "images": images,
        "flops": cost.flops,
        "params": cost.params,
    }
    if len(classes) <= FEW:
        del found["top5"], found["top5_interval"]
    if by_class:
        matrix = evaluation.confusion(len(classes)).tolist()
        counts = [(line[number], sum(line)) for number, line in enumerate(matrix)]
        found["classes"] = [
            {
                "class": name,
                "images": whole,
                "top1": right / whole if whole else None,
                "top1_interval": list(wilson(right, whole)) if whole else None,
            }
            for name, (right, whole) in zip(classes, counts, strict=True)
        ]
        found["confusion"] = matrix
    return found


def averaged(others: Sequence[tuple[Architecture, Evaluation]], classes: Sequence[str]) -> Row:
    """The mean of several networks; sd: the standard deviation of top-1 over them."""
    rows = [row("", architecture, evaluation, classes) for architecture, evaluation in others]
    own = ("what", "name", "top1_interval", "top5_interval")
    means: Row = {key: mean(one[key] for one in rows) for key in rows[0] if key not in own}
    return {
        **means,
        "what": f"mean of {len(others)} random",
        "name": "",
        "sd": stdev([one["top1"] for one in rows]) if len(rows) > 1 else 0.0,
        "images": rows[0]["images"],
        "flops": round(means["flops"]),
        "params": round(means["params"]),
    }


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
