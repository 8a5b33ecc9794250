"""How long each block of a space takes where it will run, as a table."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from spacelang.api.error import NotAnOption
from spacelang.api.load import spaced
from spacelang.api.space import Space
from spacelang.api.trained import silent

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.app.latency import LatencyTable
    from spacelang_runtime.app.watching import Measuring
    from spacelang_runtime.export.latency.target import RuntimeTarget
    from spacelang_runtime.search.timing import Bench

Named = str | os.PathLike[str]
Runtime = Literal["torch", "onnxruntime", "openvino", "executorch"]
Precision = Literal["fp32", "bf16", "fp16"]
Observe = Callable[["Measuring"], None]


@frozen(repr=False)
class Measured:
    """A table of latencies that was written. path: its file, for `space.with_costs` and for `cost` of a search.
    table: the value that the runtime works on."""

    path: Path
    table: LatencyTable

    @property
    def error(self) -> float | None:
        """How far it is off on average, as a share, on random networks that ran whole; None where none did."""
        return None if self.table.error is None else float(self.table.error)

    @property
    def marks(self) -> tuple[str, ...]:
        """Why it is not to be trusted, so that a search takes it with `force` alone; empty where nothing is known
        against it."""
        return tuple(self.table.marks)

    def records(self) -> list[dict[str, Any]]:
        """A row for each block: its key, what the table says that it takes, and the quartiles and the median of its
        rounds alone, in milliseconds."""
        table = self.table
        return [
            {"block": key, "ms": 1000 * table.entries[key]}
            | {name: 1000 * getattr(timing, name) for name in ("low", "median", "high")}
            for key, timing in table.timings.items()
        ]

    def to_json(self) -> dict[str, Any]:
        """What it is as plain JSON values, as `spacelang measure --json` prints it."""
        table = self.table
        return {
            "table": str(self.path),
            "blocks": len(table.timings),
            "spread": table.spread,
            "roughest": table.roughest,
            "errors": list(table.errors),
            "error": table.error,
            "busy": table.busy,
            "marks": list(table.marks),
        }

    def __repr__(self) -> str:
        off = "" if self.error is None else f", {self.error:.1%} off on average"
        return f"<{self.path}: {len(self.table.timings)} blocks of {self.table.space}{off}>"

    def _repr_html_(self) -> str:
        from spacelang.html import of_records

        return of_records(repr(self)[1:-1], self.records())


@frozen
class MeasureRequest:
    """What is to be measured. where: in torch, or in a runtime. output: the file. check: networks that run
    whole."""

    lowered: Lowered
    where: RuntimeTarget | Bench
    output: Path
    check: int


def measure(
    space: Space | Named,
    output: Named = "latency.json",
    *,
    device: str = "auto",
    runtime: Runtime = "torch",
    threads: int | None = None,
    int8: bool = False,
    batch: int | None = None,
    precision: Precision | None = None,
    rounds: int | None = None,
    check: int = 8,
    programs: Named | None = None,
    observe: Observe = silent,
) -> Measured:
    """Time every distinct block of a space where it will run, and write a table of latencies.

    It is `spacelang measure`. With it a latency is one more exact bound. A table that is over 10 % off, or that was
    measured on a busy machine, is marked.

    Args:
        space: a space, or its file.
        output: the table to write.
        device: of torch, `auto`, `cpu`, `cuda` or `cuda:N`.
        runtime: where networks will run: `torch`, `onnxruntime`, `openvino` or `executorch`.
        threads: of a runtime, threads of a pass; None: 1.
        int8: of a runtime, whether networks are in int8.
        batch: images at a time; None: 64, of a runtime 1.
        precision: of torch, `fp32`, `bf16` or `fp16`; None: bf16 on a GPU, else fp32.
        rounds: timings of each block, of which the median counts; None: 9, of a runtime 25.
        check: then run so many random networks whole, and say how near the table comes.
        programs: of a runtime, a folder where what is exported is kept, and taken from by the next call, which
            then times at once.
        observe: told how far the measurement has come: `share`, from 0 to 1, and what is `said` of it.

    Raises:
        NotAnOption: for words that do not go together, and numbers that cannot be.
        Failure: for a place that cannot be written, a runtime that is not installed, and where memory does not hold
            what is timed.
    """
    kept = None if programs is None else Path(programs)
    words = (device, runtime, threads, int8, batch, precision, rounds, check, kept)
    return measured(request(spaced(space), Path(output), *words), observe)


def request(
    space: Space,
    output: Path,
    device: str,
    runtime: str,
    threads: int | None,
    int8: bool,
    batch: int | None,
    precision: str | None,
    rounds: int | None,
    check: int,
    programs: Path | None,
) -> MeasureRequest:
    """What the words of `measure` ask for. Raises `NotAnOption`, and `Failure` for a place that cannot be
    written."""
    from spacelang.lower.lowered import lower
    from spacelang_runtime.atomic import require_place

    for word, given, least in (
        ("threads", threads, 1),
        ("batch", batch, 1),
        ("rounds", rounds, 1),
        ("check", check, 0),
    ):
        if given is not None and given < least:
            raise NotAnOption(word, f"it is at least {least}, and not {given}")
    lowered = lower(space.checked)
    where = (
        _bench(device, precision, batch, rounds or 9, threads, int8, programs)
        if runtime == "torch"
        else _place(runtime, threads, int8, batch, rounds or 25, precision, device, programs)
    )
    require_place(output, "the table")
    return MeasureRequest(lowered, where, output, check)


def measured(asked: MeasureRequest, observe: Observe = silent) -> Measured:
    """The table that is asked for, made and written."""
    from spacelang_runtime.app import latency, latency_file
    from spacelang_runtime.app.watching import Measuring

    def show(share: float, said: str) -> None:
        observe(Measuring(share, said))

    table = latency.measure(asked.lowered, asked.where, asked.check, observe=show)
    latency_file.write(table, asked.output)
    return Measured(asked.output, table)


def _bench(
    device: str,
    precision: str | None,
    batch: int | None,
    rounds: int,
    threads: int | None,
    int8: bool,
    programs: Path | None,
) -> Bench:
    from spacelang_runtime.engine.distributed import choose
    from spacelang_runtime.search.timing import PRECISIONS, Bench

    if threads is not None or int8 or programs is not None:
        raise NotAnOption("threads, int8, programs", "it goes with a runtime: --runtime onnxruntime")
    chosen = choose(device)
    word = precision or ("bf16" if chosen.type == "cuda" else "fp32")
    named = next((name for name in PRECISIONS if name == word), None)
    if named is None:
        raise NotAnOption("precision", f"{word!r} is none of {', '.join(PRECISIONS)}")
    return Bench(chosen, named, batch or 64, rounds)


def _place(
    runtime: str,
    threads: int | None,
    int8: bool,
    batch: int | None,
    rounds: int,
    precision: str | None,
    device: str,
    programs: Path | None,
) -> RuntimeTarget:
    from spacelang_runtime.export.latency.target import RUNTIMES, RuntimeTarget

    named = next((name for name in RUNTIMES if name == runtime), None)
    if named is None:
        raise NotAnOption("runtime", f"{runtime!r} is none of torch, {', '.join(RUNTIMES)}")
    if precision is not None or device not in ("auto", "cpu"):
        raise NotAnOption("precision, device", f"{named} runs on the CPU, in fp32 or --int8")
    return RuntimeTarget(named, threads or 1, int8, batch or 1, rounds, programs)
