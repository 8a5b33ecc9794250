"""What README's first command finds, seed after seed, beside networks drawn at random and networks trained alone.

    python benchmarks/first.py OUT [--seeds 10] [--jobs 2]   # goes on with what is missing
    python benchmarks/first.py OUT --report

Of each seed: the supernet of spaces/digits.space is trained and searched; the found network is tested beside the
same 100 random networks of its bound. 20 more are trained alone by benchmarks/alone.py, for 100 epochs and two
seeds, and tested with the weights that each supernet hands out. All on the CPU, one core a process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SPACE, BOUND, DRAWS, ALONE = "spaces/digits.space", "50K", 100, 20
COMMAND = [sys.executable, "-m", "spacelang"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--report", action="store_true", help="only print what there is")
    words = parser.parse_args()
    if not words.report:
        words.out.mkdir(parents=True, exist_ok=True)
        drawn = json.loads(said("sample", SPACE, "-n", str(DRAWS), "--flops", BOUND, "--seed", "11", "--json"))
        lines = [row["line"] for row in drawn]
        with ThreadPoolExecutor(words.jobs) as pool:
            list(pool.map(lambda seed: one(words.out, seed, lines), range(words.seeds)))
        alone(words.out, words.jobs)
        for seed in range(words.seeds):
            inherited(words.out, seed)
    for line in report(words.out):
        print(line)


def said(*words: str) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([*COMMAND, *words], env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def one(out: Path, seed: int, lines: list[str]) -> None:
    """Train, search and test, of one seed."""
    runs, place = str(out / f"runs-{seed}"), out / f"found-{seed}.json"
    if place.exists():
        return
    here = ("--device", "cpu", "--runs", runs)
    said("train", SPACE, *here, "--set", f"seed={seed}")
    said("evolve", *here)
    place.write_text(said("eval", "best", *lines, *here, "--json"))


def alone(out: Path, jobs: int) -> None:
    words = ["--space", SPACE, "--flops", BOUND, "--networks", str(ALONE), "--epochs", "100", "--device", "cpu"]
    script = str(Path(__file__).with_name("alone.py"))
    command = [sys.executable, script, str(out / "alone"), *words, "--seeds", "0,1", "--jobs", str(jobs)]
    subprocess.run(command, check=True, stdout=sys.stderr)


def inherited(out: Path, seed: int) -> None:
    """Test the networks that are trained alone with the weights of a seed's supernet."""
    place = out / f"inherited-{seed}.json"
    if not place.exists():
        lines = json.loads((out / "alone" / "plan.json").read_text())["networks"]
        place.write_text(said("eval", *lines, "--device", "cpu", "--runs", str(out / f"runs-{seed}"), "--json"))


HEAD = (
    "| seed | found | its loss | mean of 100 random | their loss | errs, times the mean | lower loss than, of 100 "
    "| 20 inherited |",
    "|---|---|---|---|---|---|---|---|",
)


def report(out: Path) -> list[str]:
    """The table, a row a seed, and what they come to."""
    rows, ratios, beaten, handed = list(HEAD), [], [], []
    for path in sorted(out.glob("found-*.json"), key=lambda path: int(path.stem.split("-")[1])):
        best, *others = read(path)
        shares, losses = [row["top1"] for row in others], [row["loss"] for row in others]
        ratios.append((1 - best["top1"]) / (1 - statistics.mean(shares)))
        beaten.append(sum(best["loss"] < loss for loss in losses))
        given = [row["top1"] for row in read(path.with_name(path.name.replace("found", "inherited")))]
        handed += [statistics.mean(given)] if given else []
        cells = (
            path.stem.split("-")[1],
            f"{best['top1']:.2%}",
            f"{best['loss']:.3f}",
            f"{statistics.mean(shares):.2%}, sd {100 * statistics.stdev(shares):.2f}",
            f"{statistics.mean(losses):.3f}",
            f"{ratios[-1]:.2f}",
            str(beaten[-1]),
            f"{handed[-1]:.2%}" if given else "",
        )
        rows.append(f"| {' | '.join(cells)} |")
    if ratios:
        rows += ["", f"median: errs {statistics.median(ratios):.2f} times the mean of random ones"]
        rows.append(f"lower loss than, of 100: {sorted(beaten)}")
    by_network: dict[int, list[float]] = {}
    for path in (out / "alone" / "units").glob("*.json"):
        unit = json.loads(path.read_text())
        by_network.setdefault(unit["network"], []).append(unit["test"]["accuracy"])
    if by_network and handed:
        means = [statistics.mean(seeds) for seeds in by_network.values()]
        gap = statistics.mean(means) - statistics.mean(handed)
        rows.append(f"alone, {len(means)} networks: mean {statistics.mean(means):.2%}, best {max(means):.2%}")
        rows.append(f"alone less inherited: {100 * gap:+.2f} points")
    return rows


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a test; none where it is not there yet."""
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return rows


if __name__ == "__main__":
    main()
