"""What a whole network is measured by, and bounded in."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

MeasureSource = Literal["exact", "table"]


@frozen
class Measure:
    """A number that a whole network has.

    unit: of what is written: empty for counts, `ms` for times. source: `exact` where the plan of a network tells it
    (`spacelang.lower.cost` has the sum), `table` where a table of what each block costs has to be given. label:
    what it is called beside a number. least: no network has less; a bound below it has lost its suffix, which is
    mostly one of `suffixes`. meaning: what it tells. window: how a bound on it is written, on the command line.
    """

    name: str
    unit: str
    source: MeasureSource
    meaning: str
    label: str = ""
    least: int = 0
    suffixes: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    window: str = ""


MEASURES = (
    Measure(
        "flops",
        "",
        "exact",
        "Multiply–accumulates of the whole network for one image, each counted once (MACs).",
        label="MACs",
        least=1000,
        suffixes=("M", "G"),
        synonyms=("macs", "mac", "gflops", "gmacs", "flop", "madds", "mult_adds", "compute"),
        window="4.5G (at most) or 4G..4.5G",
    ),
    Measure(
        "params",
        "",
        "exact",
        "The parameters of the network that stands alone.",
        least=1000,
        suffixes=("K", "M"),
        synonyms=("parameters", "num_params", "param", "n_params", "model_size", "weights"),
        window="28M (at most) or 20M..28M",
    ),
    Measure(
        "latency",
        "ms",
        "table",
        "How long the network takes on a device, by a table that `spacelang measure` writes: `5ms`.",
        window="5ms (at most) or 4ms..5ms",
    ),
)
KNOWN = {measure.name: measure for measure in MEASURES}
EXACT = tuple(measure.name for measure in MEASURES if measure.source == "exact")
DECIMALS = 9  # of an entry of a table, and of a bound on what it tells
TIMES = tuple(measure.name for measure in MEASURES if measure.unit == "ms")  # a recipe bounds them in nanoseconds
