"""Whether searching the search space pays, on a CPU: `python benchmarks/refined.py -o FILE [--work FOLDER]`.

`digits.space` is moved off on purpose: its second stage is two steps too narrow, its first stage two layers too
deep. For each seed the space is refined, all trainings afresh. Then the first and the last space are trained once
more, by a seed that no judgement has seen, searched inside the bound of the file, and their best networks tested
on the test images, which nothing has seen. What was measured is kept in FILE, seed by seed, and a second call goes
on with what is missing; the refinements themselves go on too, in the work folder.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import mean
from typing import Any

import spacelang as sl

ROOT = Path(__file__).resolve().parents[1]
DEEPER = "  depth in 3..4\n"
FRESH = 1000  # added to a seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True, help="keep what was measured in this file")
    parser.add_argument("--work", type=Path, default=Path("refined"), help="where runs and refinements lie")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--epochs", type=int, default=800, help="of each training")
    parser.add_argument("--rounds", type=int, default=4, help="next spaces that are tried at most")
    parser.add_argument("--rule", default="guarded", help="guarded, extrapolated or paper")
    parser.add_argument("--samples", type=int, default=1000, help="networks drawn for each judgement")
    words = parser.parse_args()
    settings = {name: getattr(words, name) for name in ("epochs", "rounds", "rule", "samples")}
    kept: dict[str, Any] = json.loads(words.out.read_text()) if words.out.exists() else {"seeds": {}, **settings}
    if {name: kept[name] for name in settings} != settings:
        parser.error(f"{words.out} was measured by other settings: { ({name: kept[name] for name in settings}) }")
    words.work.mkdir(parents=True, exist_ok=True)
    first = words.work / "digits.space"
    first.write_text(moved_off((ROOT / "spaces" / "digits.space").read_text(encoding="utf-8")), encoding="utf-8")
    for seed in words.seeds:
        if str(seed) not in kept["seeds"]:
            began = time.monotonic()
            kept["seeds"][str(seed)] = one(sl.load(first), seed, words) | {"wall": time.monotonic() - began}
            words.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
            print(f"seed {seed} in {time.monotonic() - began:.0f} s", flush=True)
    print(table(kept))


def moved_off(text: str) -> str:
    """The space with its second stage too narrow and its first too deep."""
    assert "embed in 8..32 step 8" in text
    text = text.replace("embed in 8..32 step 8", "embed in {8, 16}")
    return text.replace("  embed in {8, 16}\n}\n\nstage 2", f"{DEEPER}  embed in {{8, 16}}\n}}\n\nstage 2", 1)


def one(space: sl.Space, seed: int, words: argparse.Namespace) -> dict[str, Any]:
    """A refinement of one seed, and both its ends by another."""
    where = words.work / f"seed-{seed}"
    refined = sl.refine(
        space, rounds=words.rounds, rule=words.rule, into=where, runs=where / "runs", **how(seed, words)
    )
    last = refined.space
    return {
        "trials": refined.records(),
        "reason": refined.reason,
        "refusals": refined.refusals,
        "moves": sum(row["verdict"] == "kept" for row in refined.records()),
        "last": last.name,
        "text": last.source.text if last.source else "",
        "ends": [afresh(end, seed + FRESH, words) for end in (space, last)],
    }


def afresh(space: sl.Space, seed: int, words: argparse.Namespace) -> dict[str, Any]:
    """A space trained and judged by itself, and what a search of it finds, on the test images."""
    where = words.work / f"seed-{seed}"
    ended = sl.refine(
        space, rounds=0, rule="guarded", search=True, into=where, runs=where / "runs", **how(seed, words)
    )
    (row,) = ended.records()
    run = sl.open_run(row["run"], where / "runs")
    (tested,) = run.evaluate("best", device="cpu").records()
    return row | {"test": 1 - tested["top1"], "test_loss": tested["loss"], "images": tested["images"]}


def how(seed: int, words: argparse.Namespace) -> dict[str, Any]:
    """How everything is trained and judged."""
    samples = words.samples
    judging = {"samples": samples, "top": samples // 20, "per_choice": samples // 10, "seed": seed}
    return {"train": {"seed": seed, "epochs": words.epochs}, "settings": judging, "device": "cpu", "workers": 0}


def table(kept: dict[str, Any]) -> str:
    """The rows of docs/results.md."""
    lines = [
        "| seed | tried | kept | E-T error, %: first → last | afresh | found, on the test images | it ends since |",
        "|---|---|---|---|---|---|---|",
    ]
    errors, fresh, tests = [], [], []
    for seed, found in kept["seeds"].items():
        trials, (before, after) = found["trials"], found["ends"]
        last = next(row for row in trials if row["space"] == found["last"])
        errors.append((trials[0]["error"], last["error"]))
        fresh.append((before["error"], after["error"]))
        tests.append((before["test"], after["test"]))
        pairs = " | ".join(f"{100 * a:.2f} → {100 * b:.2f}" for a, b in (errors[-1], fresh[-1], tests[-1]))
        lines.append(f"| {seed} | {len(trials)} | {found['moves']} | {pairs} | {found['reason']} |")
    if errors:
        means = " | ".join(
            f"{100 * mean(a for a, _ in pairs):.2f} → {100 * mean(b for _, b in pairs):.2f}"
            for pairs in (errors, fresh, tests)
        )
        lines.append(f"| mean | | | {means} | |")
        falls = [sum(b < a for a, b in pairs) for pairs in (errors, fresh, tests)]
        moved = sum(found["moves"] > 0 for found in kept["seeds"].values())
        moved = sum(found["moves"] > 0 for found in kept["seeds"].values())
        lower = f"lower in {falls[0]}, afresh in {falls[1]}, found in {falls[2]}"
        lines += ["", f"Of {len(errors)}: {moved} moved; {lower}."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
