"""One process that does units, one after the other, until none is left that nobody is at."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lone.plan import Plan
from lone.training import Interrupted, Trainer
from lone.unit import Unit, claimed, clocked, missing, name, place, sharing
from spacelang_runtime.engine.distributed import join
from spacelang_runtime.failure import Failure

STOPPED = 130


def work(out: Path, plan: Plan, listed: Sequence[Unit], device: str, gpu: str, workers: int, keep: bool) -> int:
    """Do what is missing. gpu: its name on this host, by which the processes that share it know one another.
    workers: processes that read images. Gives the exit status: 1 where a unit has failed."""
    failed = 0
    with join(device) as world:
        trainer = Trainer(plan, out, world, workers, keep, lambda line: print(line, flush=True))
        shared = f"device-{os.uname().nodename}-{world.device.type}-{gpu or 0}"
        for unit in listed:
            if place(out, unit).exists():
                continue
            with claimed(out, unit) as mine:
                if not mine:
                    continue
                try:
                    with sharing(out, shared, clocked(unit)):
                        record = trainer.do(unit)
                except (Interrupted, KeyboardInterrupt):
                    return STOPPED
                except Failure as failure:
                    print(f"{name(unit)}: {failure.message}; {failure.remedy}", file=sys.stderr, flush=True)
                    failed += 1
                    continue
            print(_line(record, len(listed) - len(missing(out, listed)), len(listed)), flush=True)
    return 1 if failed else 0


def _line(record: dict[str, Any], done: int, every: int) -> str:
    test = record["test"]
    pace = ""
    if "seconds" in record:
        pace = f", {record['seconds']:.1f} s at {record['images_a_second']:.0f} img/s"
        pace += f", {record['waiting']:.0%} of it waiting for data" if record["waiting"] > 0.05 else ""
    told = "DIVERGED; " if record.get("diverged") else ""
    return (
        f"[{done}/{every}] {record['unit']}: {told}{test['accuracy']:.2%}, loss {test['loss']:.3f}{pace}; "
        f"{record['whole_seconds']:.1f} s in all"
    )
