"""The options that several commands share: what each takes, and what the help says of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from spacelang.amount import NotAnAmount, count, share
from spacelang.api.ranges import STEPS
from spacelang.language.measures import KNOWN

_LEAST_SHARE = Fraction(1, 1000)  # of --test-share, and what it leaves at least


def bounding(measure: str, said: str, more: str = "") -> Any:
    """An option that bounds a measure. said: whose, in the help. How it is written stands in the table of words."""
    return typer.Option(help=f"{said}: {KNOWN[measure].window}.{more}")


def share_for_the_test(text: str) -> float:
    """A share of every class, `0.2` or `20%`, that leaves something on either side."""
    try:
        given = share(text)
    except NotAnAmount as reason:
        raise typer.BadParameter(str(reason)) from None
    if not _LEAST_SHARE <= given <= 1 - _LEAST_SHARE:
        raise typer.BadParameter(f"{text!r} is not between 0.1% and 99.9%")
    return float(given)


def updates(text: str) -> int:
    """A count of updates, `600` or `20K`."""
    try:
        given = count(text)
    except NotAnAmount as reason:
        raise typer.BadParameter(str(reason)) from None
    least, most = STEPS
    if given.denominator > 1 or not least <= given <= most:
        raise typer.BadParameter(f"it is a whole number from {least} to {most}, and not {text}")
    return int(given)


# Which run.
Runs = Annotated[Path, typer.Option(help="The folder of all runs.")]
SomeRun = Annotated[str | None, typer.Argument(help="A run (default: the latest).")]
WeightsOf = Annotated[str | None, typer.Option(help="The run whose weights to take (default: the latest).")]

# Which images, and where they are looked at.
DATA = (
    "Images: a folder with train/CLASS/* and val/CLASS/*, or CLASS/* with --test-share; a zip of one; tar shards "
    "(shards-{000..099}.tar); Parquet; what save_to_disk wrote; or `digits`"
)
TrainingDataOption = Annotated[str | None, typer.Option(help=f"{DATA}; with --resume, where they are now.")]
NewData = Annotated[str | None, typer.Option(help=f"{DATA}.")]
TestShareOption = Annotated[
    float | None,
    typer.Option(
        parser=share_for_the_test,
        metavar="SHARE",
        help="Hold out so much of every class for the test, such as 0.2, of data without a test split.",
    ),
]
TestSeed = Annotated[int, typer.Option(help="Of --test-share: which images it takes.")]
MovedData = Annotated[str | None, typer.Option(help="Where the run's data is now, if not where it was trained.")]
ImagesOption = Annotated[int | None, typer.Option(min=1, help="Score on so many held-out images only.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Workers = Annotated[int | None, typer.Option(min=0, max=1024, help="Processes that read images.")]

# Which networks.
BoundsOption = Annotated[
    list[str] | None, typer.Option(metavar="NAME=WINDOW", help="A bound on a measure: energy=2..2.5.")
]
Latency = Annotated[str | None, bounding("latency", "Of a table of latency")]
TheirParams = Annotated[str | None, bounding("params", "Their parameters")]

# How to train.
SettingsOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a line of the recipe.")
]
StepsOption = Annotated[
    int | None, typer.Option(parser=updates, metavar="COUNT", help="Stop after so many updates: 600, or 20K.")
]
BudgetOption = Annotated[str | None, typer.Option(help="Stop after so long, such as 90s, 10m or 1.5h.")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with a run, exactly where it stopped.")]
Micro = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10**6,
        help="Images that a GPU takes at a time, the gradients of a step adding up (default: as many as its "
        "memory bears).",
    ),
]
Checkpointing = Annotated[
    bool,
    typer.Option("--checkpointing", help="Compute activations anew for gradients: less memory, more time."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Look at all data and print what would be; train nothing.")
]
ProfileOption = Annotated[bool, typer.Option("--profile", help="Keep a trace of a few steps for TensorBoard.")]

# How to judge a space.
RefineSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change a line of the refine recipe, such as samples=200."),
]
ErrorScore = Annotated[
    str | None, typer.Option(help="What errors are told by, instead of the recipe's line: loss or accuracy.")
]

# What becomes of the answer.
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
ResultAsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there already.")]
