"""What the exact arithmetic of a space costs: counts, histograms, draws and children, on the shipped spaces.

Run `python benchmarks/exact.py` on one core (`OMP_NUM_THREADS=1 taskset -c 0`). The rows `from the cache` are what
a second command begins with. ConfigSpace, PyGlove and Optuna (`pip install spacelang[bench]`) are measured on the
same space where they are installed.
"""

from __future__ import annotations

import importlib.util
import re
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from spacelang.check import compile_text
from spacelang.lower.bounds import nearest, span
from spacelang.lower.chain import Bounds, Cell, Chain, Joint, Window, cost, inside
from spacelang.lower.count import count
from spacelang.lower.draw import draw, stream
from spacelang.lower.histogram import histogram
from spacelang.lower.lowered import lower
from spacelang.lower.operators import Child, Rates, cross, mutate
from spacelang.lower.sampling_table import _whole
from spacelang.lower.terms import Law
from spacelang.source import Source

SPACES = Path(__file__).resolve().parents[1] / "spaces"
RATES = Rates(depth=0.2, embed=0.2, layer=0.4)


def chain_of(name: str, rules: str = "", *, tied: bool = False) -> Chain:
    """The chain of a shipped space, with more rules; with `tied`, heads are chosen once for each stage."""
    text = (SPACES / f"{name}.space").read_text()
    if tied:
        text = re.sub(r"each layer \{\n( +heads +in [^\n]*\n)", r"\1  each layer {\n", text)
        text = re.sub(r"  each layer \{\n  \}\n", "", text)
    space = compile_text(Source(name, text + rules)).space
    if space is None:
        sys.exit(f"{name}.space does not compile")
    return lower(space).chain


def deepened(chain: Chain, stage: int, depths: range) -> Chain:
    """The chain with other depths in one stage."""
    old = chain.stages[stage]
    sample = {cell.embed: number for number, cell in enumerate(old)}
    cells = [(depth, number) for number in sample.values() for depth in depths]
    stages = list(chain.stages)
    stages[stage] = tuple(Cell(d, old[n].embed, old[n].cost, old[n].options) for d, n in cells)
    joints = list(chain.joints)
    if stage:
        before = joints[stage - 1]
        joints[stage - 1] = Joint(before.left, tuple(before.right[n] for _, n in cells), before.table)
    if stage < len(joints):
        after = joints[stage]
        joints[stage] = Joint(tuple(after.left[n] for _, n in cells), after.right, after.table)
    return Chain(chain.measures, tuple(stages), tuple(joints))


def add(table: Table, what: str, job: Callable[[], Any], show: Callable[[Any], str], per: int = 0) -> Any:
    """Times one job and adds its row; `per` is how many things it makes in a second of processor time."""
    start, began = time.perf_counter(), time.process_time()
    result = job()
    took, spent = time.perf_counter() - start, time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = f"{per / spent:,.0f} /s" if per else ""
    table.add_row(what, show(result), f"{spent:.3f}", f"{took:.3f}", rate, f"{peak:,.0f}")
    return result


def arithmetic(table: Table, name: str, chain: Chain, bounds: dict[str, Bounds]) -> None:
    """Counts, the histogram, draws and children of one space."""
    add(table, f"{name}: count", partial(count, chain), "{:,}".format)
    add(
        table,
        f"{name}: full histogram of MACs",
        partial(histogram, chain, "flops"),
        lambda h: f"{len(h.parts)} parts" if h else "none: totals bind",
    )
    for what, window in bounds.items():
        add(table, f"{name}: count, {what}", partial(count, chain, window), "{:,}".format)
        for law in (Law.UNIFORM, Law.RANDOM):
            first = partial(draw, chain, 1, stream(0), law=law, bounds=window)
            add(table, f"  first draw, {law.value}", first, lambda d: f"{len(d)}")
            batch = partial(draw, chain, 50_000, stream(1), law=law, bounds=window)
            parents = list(add(table, f"  draws, {law.value}", batch, lambda d: f"{len(d):,}", 50_000))[:500]
        mutants = partial(mutate, chain, parents, RATES, stream(2), window)
        pairs = list(zip(parents, reversed(parents), strict=True))
        mixed = partial(cross, chain, pairs, stream(3), window)
        for kind, job in (("mutation", mutants), ("crossover", mixed)):
            add(
                table,
                f"  {kind}",
                job,
                partial(kept_inside, chain, window),
                len(parents),
            )


def kept_inside(chain: Chain, window: Bounds, children: tuple[Child, ...]) -> str:
    """How many children are inside the windows, and how many are one of their parents."""
    fits = sum(inside(chain, child.genotype, window) for child in children)
    return (
        f"{fits} inside of {len(children)}, {sum(child.genotype in child.parents for child in children)} a parent"
    )


def middle(chain: Chain, width: int) -> Window:
    """A window of MACs around the middle of what a chain can cost."""
    (one,) = draw(chain, 1, stream(4), law=Law.UNIFORM)
    centre = cost(chain, one)[chain.measures.index("flops")]
    return Window(centre - width // 2, centre + width // 2)


def peers(table: Table) -> None:
    """The same space, AutoFormer-S, in the tools that a user would take instead."""
    if importlib.util.find_spec("ConfigSpace"):
        import ConfigSpace as peer

        space = peer.ConfigurationSpace(seed=0)
        depth = peer.Categorical("depth", [12, 13, 14])
        space.add(depth, peer.Categorical("embed", [320, 384, 448]))
        for layer in range(14):
            genes = [peer.Categorical(f"mlp{layer}", [3, 3.5, 4]), peer.Categorical(f"heads{layer}", [5, 6, 7])]
            space.add(*genes)
            if layer >= 12:
                deeper = list(range(layer + 1, 15))
                space.add(*[peer.InCondition(gene, depth, deeper) for gene in genes])
        size = space.estimate_size
        add(table, "ConfigSpace: size", size, lambda found: f"{found:,.0f}")
        add(table, "ConfigSpace: draws, no bound", lambda: space.sample_configuration(20_000), lambda _: "", 20_000)
    if importlib.util.find_spec("pyglove"):
        import pyglove as peer

        block = lambda: peer.Dict(mlp=peer.oneof([3, 3.5, 4]), heads=peer.oneof([5, 6, 7]))  # noqa: E731
        depths = [peer.List([block() for _ in range(depth)]) for depth in (12, 13, 14)]
        space = peer.Dict(embed=peer.oneof([320, 384, 448]), layers=peer.oneof(depths))
        job = lambda: list(peer.random_sample(space, 40, seed=0))  # noqa: E731
        add(table, "PyGlove: draws, no bound", job, lambda _: "", 40)
    if importlib.util.find_spec("optuna"):
        import optuna as peer

        peer.logging.set_verbosity(peer.logging.WARNING)
        chain = chain_of("autoformer_small")
        window = middle(chain, 50_000_000)
        met = []

        def objective(trial: Any) -> float:
            depth = trial.suggest_categorical("depth", [12, 13, 14])
            embed = trial.suggest_categorical("embed", [320, 384, 448])
            cell = next(c for c in chain.stages[0] if (c.depth, c.embed) == (depth, embed))
            costs = [
                cell.options[trial.suggest_int(f"layer{layer}", 0, len(cell.options) - 1)].cost[0]
                for layer in range(depth)
            ]
            spent = cell.cost[0] + sum(costs)
            met.append(window.lo <= spent <= window.hi)
            trial.set_user_attr("miss", float(max(window.lo - spent, spent - window.hi)))
            return float(spent)

        sampler = peer.samplers.NSGAIISampler(seed=0, constraints_func=lambda trial: [trial.user_attrs["miss"]])
        study = peer.create_study(sampler=sampler)
        job = partial(study.optimize, objective, n_trials=500)
        add(table, "Optuna NSGA-II: trials, 50M window", job, lambda _: f"{sum(met)} inside of {len(met)}", 500)


def main() -> None:
    """Prints the table."""
    table = Table("what", "result", "CPU s", "s", "per CPU s", "peak MB", title="exact arithmetic")
    small = chain_of("autoformer_small")
    arithmetic(table, "autoformer_small", small, {"10M MACs": {"flops": middle(small, 10_000_000)}})
    s3 = chain_of("s3")
    flops, params = Window(0, 4_500_000_000), Window(0, 28_000_000)
    windows: dict[str, Bounds] = {
        "params <= 28M": {"params": params},
        "1 % of MACs": {"flops": Window(4_455_000_000, 4_500_000_000)},
        "flops <= 4.5G and params <= 28M": {"flops": flops, "params": params},
    }
    arithmetic(table, "s3", s3, windows)
    for what in ("1 % of MACs", "flops <= 4.5G and params <= 28M"):
        _whole.cache_clear()
        first = partial(draw, s3, 50, stream(1), bounds=windows[what])
        add(table, f"s3: 50 draws, {what}, from the cache", first, lambda d: f"{len(d)}", 50)
    within = {"flops": Window(4_000_000_000, 4_500_000_000)}
    tied = chain_of("s3", "require sum(depth) <= 14\n", tied=True)
    both = {"4G..4.5G, params <= 28M": {**within, "params": params}}
    arithmetic(table, "s3, heads of stages, sum(depth) <= 14", tied, both)
    totals = chain_of("s3", "require sum(depth) <= 14\nrequire sum(heads) <= 140\n")
    arithmetic(table, "s3, sum(depth) <= 14, sum(heads) <= 140", totals, {"4G..4.5G": within})
    between = {"flops": Window(4_500_000_001, 4_500_000_002)}
    add(
        table, "s3: nearest feasible MACs", partial(nearest, s3, "flops", between), lambda n: f"{n.below} {n.above}"
    )
    deep = deepened(s3, 2, range(4, 61))
    window = {"flops": Window(15_000_000_000, 15_150_000_000)}
    add(table, "s3, stage 3 of 4..60: count", partial(count, deep), lambda n: f"{n:.3e}")
    add(table, "  range of MACs", partial(span, deep, "flops"), lambda w: f"{w.lo:,}..{w.hi:,}")
    add(table, "  count in a 1 % window of MACs", partial(count, deep, window), lambda n: f"{n:.3e}")
    near = partial(nearest, deep, "flops", window)
    add(table, "  nearest MACs on both sides", near, lambda n: f"{n.below} {n.above}")
    drawn = partial(draw, deep, 200, stream(0), bounds=window)
    add(table, "  draws inside it", drawn, lambda d: f"{len(d)}", 200)
    peers(table)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
