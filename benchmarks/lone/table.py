"""What has been folder, as Markdown: each network, how far they differ, and what ranks them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from lone.agreement import DRAWS, Statistic, between, deviation, difference, estimated, of_seeds, tau
from lone.plan import Plan
from lone.unit import results
from spacelang.amount import short

Scores = dict[int, float]  # by network
PAIR, FEW = 2, 5  # networks, under which nothing is said of a mean difference, and of a ranking


@frozen(eq=False)
class Folder:
    """The plan of a folder with its results."""

    out: Path
    plan: Plan
    records: list[dict[str, Any]]

    def of(self, series: str, key: str = "accuracy", seed: int | None = None, split: str = "test") -> Scores:
        """The scores of a series, of one seed or of those without any."""
        return {
            record["network"]: record[split][key]
            for record in self.records
            if record["series"] == series and record["seed"] == seed and record[split] is not None
        }

    @property
    def alone(self) -> str:
        return f"{self.plan.space.train.epochs} epochs"

    @property
    def series(self) -> list[str]:
        """All but the trainings alone, in the order of the work."""
        shares = {r["series"]: (r["share"] or 0, r.get("rate", 0)) for r in self.records}
        shares.pop(self.alone, None)
        return sorted(shares, key=lambda series: (series != "inherited", shares[series][0] == 0, shares[series]))

    @property
    def seeds(self) -> list[int]:
        return sorted({record["seed"] for record in self.records if record["series"] == self.alone})

    def matrix(self, key: str = "accuracy") -> tuple[list[int], np.ndarray]:
        """The networks that have been trained with every seed, and their scores [networks, seeds]."""
        columns = [self.of(self.alone, key, seed) for seed in self.seeds]
        networks = sorted(set.intersection(*map(set, columns))) if columns else []
        return networks, np.array([[column[network] for column in columns] for network in networks])

    def truth(self, key: str = "accuracy") -> Scores:
        """Each network's mean over the seeds that most networks have been trained with."""
        columns = [self.of(self.alone, key, seed) for seed in self.seeds]
        most = max(map(len, columns), default=0)
        full = [column for column in columns if len(column) == most]
        return {
            network: float(np.mean([column[network] for column in full]))
            for network in sorted(set.intersection(*map(set, full)) if full else set())
        }


def report(folders: Sequence[tuple[Path, Plan]]) -> Iterator[str]:
    """The tables of one folder, or of several with a comparison of them."""
    every = [Folder(out, plan, results(out)) for out, plan in folders]
    for folder in every:
        yield from head(folder)
        if not folder.records:
            yield "Nothing has been found yet."
            continue
        yield from networks(folder)
        yield from ranked(folder)
    yield from compared([folder for folder in every if len(folder.matrix()[0]) >= FEW])


def head(folder: Folder) -> Iterator[str]:
    plan, costs = folder.plan, folder.plan.costs
    recipe = plan.space.train
    yield ""
    yield f"## {folder.out}: {plan.space.name} on {Path(plan.data).name}"
    yield ""
    where = f"at {plan.bound} MACs" if plan.bound else "over the whole range of MACs"
    yield (
        f"{len(plan.lines)} networks {where}, {short(costs[0].flops)} to {short(costs[-1].flops)}; alone: "
        f"{recipe.epochs} epochs, batch {recipe.batch}, learning rate {float(recipe.rate):g}"
        + "".join(f", {name} = {value}" for name, value in plan.overrides.items() if name != "learning_rate")
        + (f"; supernet: {plan.run}" if plan.run else "")
    )
    units = [record for record in folder.records if record["series"] == folder.alone]
    if units:
        seconds = np.array([record["seconds"] for record in units])
        pace = sum(record["steps"] * record["batch"] for record in units) / seconds.sum()
        devices = ", ".join(sorted({record["device"] for record in folder.records}))
        memory = max(record.get("gpu_memory_gib", 0) for record in units)  # 0: on a CPU, or not recorded
        yield (
            f"{len(units)} trainings alone: {seconds.mean():.1f} s each, {pace:.0f} images a second each, "
            f"on {devices}; {units[0]['test']['images']} test images, the same for all"
            + (f"; at most {memory:.1f} GiB of GPU memory each" if memory else "")
        )
    if len({record["data"] for record in folder.records}) > 1:
        yield "NOT ONE TABLE: some units were trained on other images than others"
    diverged = [record["unit"] for record in folder.records if record.get("diverged")]
    if diverged:
        yield f"diverged: {', '.join(diverged)}"


def networks(folder: Folder) -> Iterator[str]:
    """One line a network: test accuracy, and the loss of what it inherits."""
    columns = [(f"alone, seed {seed}", folder.of(folder.alone, "accuracy", seed)) for seed in folder.seeds]
    for series in folder.series:
        seeds = sorted({r["seed"] for r in folder.records if r["series"] == series}, key=lambda seed: seed or 0)
        for seed in seeds:
            named = series if seed is None else f"{series}, seed {seed}"
            columns.append((named, folder.of(series, "accuracy", seed)))
    losses = folder.of("inherited", "loss")
    yield ""
    heading = ["#", "MACs", "params", *(name for name, _ in columns), *(["inherited loss"] if losses else [])]
    yield from grid(
        heading,
        (
            [
                str(number),
                short(cost.flops),
                short(cost.params),
                *(f"{100 * scores[number]:.2f}" if number in scores else "" for _, scores in columns),
                *([f"{losses[number]:.3f}" if number in losses else ""] if losses else []),
            ]
            for number, cost in enumerate(folder.plan.costs)
        ),
    )


def ranked(folder: Folder) -> Iterator[str]:
    """What ranks networks as training alone does."""
    truth, loss = folder.truth(), folder.truth("loss")
    macs: Scores = {number: cost.flops for number, cost in enumerate(folder.plan.costs)}
    params: Scores = {number: cost.params for number, cost in enumerate(folder.plan.costs)}
    yield ""
    yield (
        "| order by | networks | mean | τ with alone | τ beyond that of MACs | τ with the loss alone "
        "| alone less it, points |"
    )
    yield "|" + "---|" * 7
    for name, scores, kind in [("MACs", macs, ""), ("params", params, ""), *candidates(folder)]:
        both = sorted(truth.keys() & scores.keys())
        if len(both) < (PAIR if kind == "accuracy" else FEW):
            continue
        mine, alone = (np.array([of[number] for number in both]) for of in (scores, truth))
        mean = {"accuracy": f"{100 * mine.mean():.2f} %", "loss": f"{-mine.mean():.3f}"}.get(kind, "")
        cells = [name, str(len(both)), mean, "", "", "", ""]
        if len(both) >= FEW:
            agreement = tau(mine, alone)
            cost = tau([macs[number] for number in both], alone)
            cells[3] = told(both, agreement)
            cells[4] = "" if name == "MACs" else told(both, difference(agreement, cost))
            cells[5] = told(both, tau(mine, [-loss[number] for number in both]))
        if kind == "accuracy":
            gap = 100 * (alone - mine)
            cells[6] = f"{gap.mean():+.2f} ± {gap.std(ddof=1) / np.sqrt(len(gap)):.2f}"
        yield f"| {' | '.join(cells)} |"
    numbers, seeds = folder.matrix()
    if len(numbers) >= FEW and seeds.shape[1] > 1:
        cells = ["one seed alone, of the other (the ceiling)", str(len(numbers)), f"{100 * seeds.mean():.2f} %"]
        cells += [told(numbers, between(seeds)), "", told(numbers, between(folder.matrix("loss")[1])), ""]
        yield f"| {' | '.join(cells)} |"
    yield ""
    full = [seed for seed in folder.seeds if folder.of(folder.alone, "accuracy", seed).keys() >= truth.keys()]
    yield (
        f"Alone: test accuracy, mean of seeds {', '.join(map(str, full))}. τ: Kendall's τ_b; in brackets 95 % by a "
        f"bootstrap over networks ({DRAWS} draws, percentiles). ±: standard error over networks."
    )


def candidates(folder: Folder) -> Iterator[tuple[str, Scores, str]]:
    """What else networks can be ordered by: a name, scores of which the higher are the better, and what they are.
    The held-out images are what a search may look at; an accuracy of theirs is compared with no other."""
    for series in folder.series:
        seed = None if folder.of(series) else folder.seeds[0]
        for split in ("test",) if seed is not None else ("test", "held_out"):
            losses = folder.of(series, "loss", seed, split)
            if losses:
                said = series if split == "test" else f"{series}, held out"
                kind = "accuracy" if split == "test" else "held out"
                yield f"{said}: accuracy", folder.of(series, "accuracy", seed, split), kind
                yield f"{said}: loss", {number: -loss for number, loss in losses.items()}, "loss"


def compared(every: Sequence[Folder]) -> Iterator[str]:
    """How far networks alone differ, one line a folder."""
    if not every:
        return
    yield ""
    yield (
        "| folder | rate | epochs | seeds | networks | mean, % | mean loss | sd of means | sd of seeds "
        "| sd of networks, seeds' taken off | τ of MACs | τ of two seeds | s each |"
    )
    yield "|" + "---|" * 13
    for folder in every:
        numbers, seeds = folder.matrix()
        many, recipe = seeds.shape[1], folder.plan.space.train
        costs = [folder.plan.costs[number].flops for number in numbers]
        seconds = [record["seconds"] for record in folder.records if record["series"] == folder.alone]
        _, losses = folder.matrix("loss")
        cells = [
            str(folder.out),
            f"{float(recipe.rate):g}",
            str(recipe.epochs),
            str(many),
            str(len(numbers)),
            f"{100 * seeds.mean():.2f}",
            f"{losses.mean():.4f}",
            f"{100 * seeds.mean(axis=1).std(ddof=1):.2f}",
            f"{100 * of_seeds(seeds):.2f}" if many > 1 else "",
            told(numbers, deviation(100 * seeds)) if many > 1 else "",
            told(numbers, tau(costs, seeds.mean(axis=1))),
            told(numbers, between(seeds)) if many > 1 else "",
            f"{np.mean(seconds):.1f}",
        ]
        yield f"| {' | '.join(cells)} |"


def told(networks: Sequence[int], statistic: Statistic) -> str:
    estimate = estimated(len(networks), statistic)
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def grid(heading: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heading)} |"
    yield "|" + "---|" * len(heading)
    for row in rows:
        yield f"| {' | '.join(row)} |"
