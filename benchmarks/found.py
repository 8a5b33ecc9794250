"""What a search finds, without a GPU: `python benchmarks/found.py [scores|tiny|small|all] --data FOLDER`.

    scores  networks of `mini.space` judged on few images: the gain of the one picked, and Kendall's tau
    tiny    every algorithm on an oracle of `autoformer_tiny`, params 6.0M to 6.4M
    small   the same of `autoformer_small`, params 22M to 24M

On an oracle a search may score so many different networks, with normal noise of 0.2 points on each score. Its
regret is how far the truth of the network that scores best lies below the best one inside the bound. Optuna's
samplers may ask so many times. With `-o FILE` what was measured is kept there, and a second call goes on with what
is missing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attrs import asdict, define, field, frozen
from oracle import resampled
from oracle.product import ALGORITHMS, Algorithm, searched
from oracle.trees import BOUNDS, Oracle, additive, averaged, oracle

from spacelang.lower.bounds import windows
from spacelang.lower.draw import draw, stream

ROOT = Path(__file__).resolve().parents[1]
PEERS = ("NSGA-II", "TPE")


@frozen
class Found:
    """How one search ended. regret: in points; None: it found nothing inside the bound. scored: different networks
    of ours; trials inside the bound of a peer. seconds: it took."""

    regret: float | None
    scored: int
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=["scores", *BOUNDS, "all"], default="all")
    beside = os.environ.get("SPACELANG_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(beside), help="folder of the data; else SPACELANG_DATA")
    parser.add_argument("--draws", type=int, default=200, help="of images and networks, in scores")
    parser.add_argument("--seeds", type=int, default=200, help="of our algorithms, from 0 on")
    parser.add_argument("--optuna-seeds", type=int, default=20, help="of Optuna's; 0: leave them out")
    parser.add_argument("--budget", type=int, default=1000, help="networks scored, or trials asked for")
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=ALGORITHMS)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="searches side by side")
    parser.add_argument("-o", "--out", type=Path, help="keep what was measured in this file, and go on from it")
    words = parser.parse_args()
    if not words.data.is_dir():
        parser.error(f"no data in {words.data}: name its folder by --data or SPACELANG_DATA")
    if min(words.draws, words.seeds) < 2 or words.optuna_seeds == 1:
        parser.error("an error wants two draws or seeds at least")
    kept = Kept(words.out)
    for part in ("scores", *BOUNDS) if words.part == "all" else (words.part,):
        if part == "scores":
            scores(words, kept)
        else:
            searches(part, words, kept)


@define
class Kept:
    """What was measured, by part; in a file where one is asked for."""

    path: Path | None
    parts: dict[str, Any] = field(init=False)

    def __attrs_post_init__(self) -> None:
        there = self.path is not None and self.path.exists()
        self.parts = json.loads(self.path.read_text()) if self.path and there else {}

    def part(self, name: str, about: dict[str, Any]) -> dict[str, Any]:
        """A part of the file, begun where it is not there. It ends here where it is about something else."""
        about = json.loads(json.dumps(about))  # as it comes back from a file
        part = self.parts.setdefault(name, {"about": about, "rows": {}})
        if part["about"] != about:
            sys.exit(f"{self.path}: {name} was measured otherwise: {part['about']}; give another file with -o")
        return part["rows"]

    def write(self) -> None:
        if self.path is not None:
            new = self.path.with_name(self.path.name + ".new")
            new.write_text(json.dumps(self.parts, indent=1))
            new.replace(self.path)


def scores(words: argparse.Namespace, kept: Kept) -> None:
    """Networks judged on few images, in points of test accuracy."""
    known = resampled.scores(words.data)
    taken = resampled.draws(known, words.draws)
    rows = kept.part("scores", {"draws": words.draws})
    print(f"\n300 networks of mini.space, {words.draws} draws of 200 (seeds 0 to {words.draws - 1})")
    print(f"{'scored by':48} {'images':>7}  {'gain over the mean':18}  Kendall's tau")
    for row in resampled.rows(known, taken):
        rows[row.name] = asdict(row)
        tau = f"{row.tau[0]:.3f} ± {row.tau[1]:.3f}" if row.tau else ""
        print(f"{row.name:48} {row.images:7,.0f}  {row.gain[0]:.3f} ± {row.gain[1]:.3f}     {tau}", flush=True)
    kept.write()


def searches(name: str, words: argparse.Namespace, kept: Kept) -> None:
    """Every algorithm on one oracle."""
    began = time.perf_counter()
    known = oracle(name, words.data)
    fit, bound = known.fit, known.bound
    about = {"fit": asdict(fit), "bound": str(bound), "best": known.best, "budget": words.budget}
    rows = kept.part(name, about)
    took = time.perf_counter() - began
    print(f"\nautoformer_{name}, {bound}: best {known.best:.3f} % ({took:.0f} s to prepare)")
    print(f"tau on a held-out fifth: {_error(fit.tau)}, {fit.networks} networks in all")
    print(f"  of those inside the bound: {_error(fit.tau_inside)}, {fit.inside} in all")
    drawn = draw(known.lowered.chain, 10_000, stream(1), bounds=windows((bound,), known.lowered.chain))
    truth = known.truth(list(drawn))
    left, tau = additive(known)
    print(f"an additive function of the genes leaves {left:.1%} of its variance over inside, tau {tau:.3f}")
    print(f"random networks inside: {known.best - truth.mean():.3f} below the best, sd {truth.std():.3f}")
    print(f"{'algorithm':22} {'seeds':>5}  {'regret, points':15}  {'median':6}  {'scored':>6}  s a search")
    for algorithm in words.algorithms:
        search = partial(ours, algorithm, words.budget)
        run(algorithm, search, words.seeds, known, rows, words.jobs, kept)
    if words.optuna_seeds and not importlib.util.find_spec("optuna"):
        print("Optuna is not installed: pip install 'spacelang[bench]', or --optuna-seeds 0")
        return
    for peer in PEERS if words.optuna_seeds else ():
        search = partial(theirs, peer, words.budget)
        run(f"Optuna {peer}", search, words.optuna_seeds, known, rows, words.jobs, kept)


Search = Callable[[Oracle, int], Found]


def run(name: str, search: Search, seeds: int, known: Oracle, rows: dict[str, Any], jobs: int, kept: Kept) -> None:
    """One row of a table: a search from each seed that is not there yet."""
    row = rows.setdefault(name, {})
    missing = [seed for seed in range(seeds) if str(seed) not in row]
    for done, (seed, end) in enumerate(each(search, missing, known, jobs), 1):
        row[str(seed)] = asdict(end)
        if done % 10 == 0:
            kept.write()
    kept.write()
    ends = [Found(**row[str(seed)]) for seed in range(seeds)]
    regrets = [end.regret for end in ends if end.regret is not None]
    empty = "" if len(regrets) == len(ends) else f"  ({len(ends) - len(regrets)} found nothing inside)"
    scored, seconds = (np.mean([getattr(end, what) for end in ends]) for what in ("scored", "seconds"))
    shown = f"{name:22} {len(ends):5}  {_error(averaged(regrets))}  {np.median(regrets):6.3f}"
    print(f"{shown}  {scored:6.0f}  {seconds:.2f}{empty}", flush=True)
    if min(regrets) < 0:
        print(f"  a search found more than the long one, by {-min(regrets):.4f} points: make that one longer")


def each(search: Search, seeds: list[int], known: Oracle, jobs: int) -> Iterator[tuple[int, Found]]:
    """The searches of some seeds, several at a time, as they end."""
    if jobs == 1 or len(seeds) < 2:
        yield from ((seed, search(known, seed)) for seed in seeds)
        return
    apart = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(seeds)), apart, _given, (known,)) as workers:
        pending = {workers.submit(_one, search, seed): seed for seed in seeds}
        for future in as_completed(pending):
            yield pending[future], future.result()


_known: list[Oracle] = []  # of this process: sent once, not with each search


def _given(known: Oracle) -> None:
    _known.append(known)


def _one(search: Search, seed: int) -> Found:
    return search(_known[0], seed)


def ours(algorithm: Algorithm, budget: int, known: Oracle, seed: int) -> Found:
    """One of the product's searches, that scores `budget` different networks."""
    began = time.perf_counter()
    truth, scored = searched(known, algorithm, seed, budget)
    return Found(known.best - truth, scored, time.perf_counter() - began)


def theirs(peer: Any, budget: int, known: Oracle, seed: int) -> Found:
    """One of Optuna's searches, that asks for `budget` networks."""
    from oracle import peers

    began = time.perf_counter()
    truth, inside = peers.asked(known, peer, seed, budget)
    return Found(None if truth is None else known.best - truth, inside, time.perf_counter() - began)


def _error(value: tuple[float, float]) -> str:
    return f"{value[0]:.4f} ± {value[1]:.4f}"


if __name__ == "__main__":
    main()
