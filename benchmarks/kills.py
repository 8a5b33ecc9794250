"""Commands survive: `python benchmarks/kills.py` kills every command that writes at random moments, 10 to 100 times
by SIGKILL and as often by SIGTERM, all kinds by turns.

After each kill the command goes on that its own message names, or that a person is told who asks for it; that is
killed as well, until one comes to its end. In the end all files have to be what those of a command that was left
alone are: weights, journals, figures. Nothing that was scored may be scored again; nothing half written, and no
process, may be left. What was done is kept in a folder after each command: a campaign that is stopped goes on.

Each command is a fork of this process, which has loaded what takes long, and is as small as it can be: kills fall
into its work. Checkpoints are kept every 50 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

os.environ["OMP_NUM_THREADS"] = "1"  # this process forks

from killed import caches, jobs
from killed.child import begun, ended, load, said
from killed.trial import MOST, Trial, Undisturbed, tried, undisturbed
from killed.works import JOB, WORKS, Work, make

SIGNALS = (signal.SIGKILL, signal.SIGTERM)
CACHED, TORCHRUN = ("train", "evolve"), "evolve of 2 processes"
HEADING = ("command", "signal", "kills", "before a checkpoint", "came to their end", "slowest end", "findings")

Results = dict[str, dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="*", choices=list(WORKS), help="kinds of commands (default: all; none: --only)"
    )
    parser.add_argument("--kills", type=int, help="by each signal (default: as its kind says, 10 to 100)")
    parser.add_argument("--signals", nargs="*", choices=[by.name for by in SIGNALS], default=[])
    parser.add_argument("--jobs", type=int, default=0, help="kills of the leader of a search under torchrun")
    parser.add_argument("--caches", action="store_true", help="also caches that cannot be used")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--into", type=Path, default=Path("kills"), help="where results and the table are kept")
    words = parser.parse_args()
    words.into.mkdir(parents=True, exist_ok=True)
    kept = words.into / "kills.json"
    results: Results = json.loads(kept.read_text()) if kept.exists() else {}

    def keep() -> None:
        part = kept.with_suffix(".new")
        part.write_text(json.dumps(results, indent=2))
        part.replace(kept)
        (words.into / "kills.md").write_text(table(results))

    with tempfile.TemporaryDirectory() as folder:
        # A command that gives another answer each time is seen by its one kill, too.
        campaign = Campaign(Path(folder), words.seed, results, keep, 1 if words.kills == 1 else 2)
        signals = [by for by in SIGNALS if by.name in words.signals] or SIGNALS
        campaign.commands(
            {name: WORKS[name] for name in (WORKS if words.only is None else words.only)}, signals, words.kills
        )
        if words.caches:
            campaign.caches()
        campaign.jobs(words.jobs)
    print(table(results))
    raise SystemExit(any(one["findings"] for one in results.values()))


@define
class Campaign:
    """folder: an empty one, where commands are killed. results: by kind and signal, those of earlier times too,
    kept after each command that came to its end. times: that each is left alone, to compare and to time. usual:
    what commands do that are left alone, by kind."""

    folder: Path
    seed: int
    results: Results
    keep: Callable[[], None]
    times: int = 2
    usual: dict[str, Undisturbed] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        import torch

        torch.set_num_threads(1)
        self.made.mkdir()
        load(["spacelang.cli", "spacelang_runtime.engine.train", "spacelang_runtime.tasks.finish"])
        make(self.made, left_alone)

    @property
    def made(self) -> Path:
        return self.folder / "made"

    @property
    def place(self) -> Path:
        return self.folder / "try"

    def commands(self, works: Mapping[str, Work], signals: Sequence[signal.Signals], kills: int | None) -> None:
        """Kill each kind so many times by each signal (None: as often as it says), all kinds by turns."""
        rows = {(name, by): self._row(f"{name} {by.name}") for name in works for by in signals}

        def share(key: tuple[str, signal.Signals]) -> float:
            return float(rows[key]["kills"]) / (kills or works[key[0]].kills)

        while rows and share(key := min(rows, key=share)) < 1:
            (name, by), row = key, rows[key]
            left = (kills or works[name].kills) - row["kills"]
            luck = random.Random(f"{self.seed} {name} {by.name} {row['ended']}")
            known = self._known(name, works[name])
            self._add(row, tried(works[name], by, self.made, self.place, known, luck, min(MOST, left)))

    def caches(self) -> None:
        """Have work done beside caches that cannot be used."""
        for name in CACHED:
            row = self._row(f"{name} cache")
            findings = caches.tried(WORKS[name], self.made, self.place, self._known(name, WORKS[name]))
            self._add(row, Trial(findings=findings))

    def jobs(self, kills: int) -> None:
        """Kill the leader of a search under torchrun so many times; every other time it may be started again."""
        row = self._row(f"{TORCHRUN} SIGKILL") if kills else {"kills": 0}
        while row["kills"] < kills:
            luck = random.Random(f"{self.seed} jobs {row['ended']}")
            known = self._known(TORCHRUN, JOB)
            self._add(row, jobs.tried(self.made, self.place, known, luck, row["ended"] % 2))

    def _row(self, key: str) -> dict[str, Any]:
        return self.results.setdefault(key, {"kills": 0, "bare": 0, "ended": 0, "slowest": 0.0, "findings": []})

    def _known(self, name: str, work: Work) -> Undisturbed:
        if name not in self.usual:
            self.usual[name] = undisturbed(work, self.made, self.place, self.times)
            print(f"{name}: {self.usual[name].seconds:.1f} s when it is left alone", file=sys.stderr, flush=True)
        return self.usual[name]

    def _add(self, row: dict[str, Any], trial: Trial) -> None:
        row["kills"] += trial.kills
        row["bare"] += trial.bare
        row["ended"] += 1
        row["slowest"] = max(row["slowest"], round(trial.slowest, 2))
        row["findings"] += trial.findings
        self.keep()
        for finding in trial.findings:
            key = next(key for key, one in self.results.items() if one is row)
            print(f"{key}, {row['ended'] - 1}: {finding}", file=sys.stderr, flush=True)


def left_alone(folder: Path, words: tuple[str, ...]) -> None:
    """Run a command to its end."""
    if code := ended(begun(folder, words, lambda: None)).code:
        raise SystemExit(f"{' '.join(words)} ended with {code}: {said(folder)}")


def table(results: Results) -> str:
    """The results in columns."""
    rows = [HEADING, tuple("-" * len(word) for word in HEADING)]
    for key, one in results.items():
        name, _, by = key.rpartition(" ")
        late = f"{one['slowest']:.1f} s" if by == "SIGTERM" else ""
        figures = (one["kills"], one["bare"], one["ended"], late, len(one["findings"]) or "none")
        rows.append((name, by, *map(str, figures)))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    main()
