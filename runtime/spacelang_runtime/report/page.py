"""The page: figures with what they show, in one file with its script inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

import plotly.graph_objects as go
from plotly.io import to_html
from plotly.offline import get_plotlyjs

from spacelang import html, notation
from spacelang.amount import clock, counted, short, spaced
from spacelang.html import Element, Node, element, figure, properties, section
from spacelang.lower.cost import price
from spacelang.lower.lowered import Lowered
from spacelang.lower.too_large import TooLarge
from spacelang_runtime.engine import by_class
from spacelang_runtime.engine.finished import FinishResult, results
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.report import classes, figures
from spacelang_runtime.report.curves import curves_of
from spacelang_runtime.report.search_summary import SearchSummary, summary_of


def page(run: RunFolder, lowered: Lowered) -> str:
    """A run as an HTML file. lowered: of the run's space."""
    story = summary_of(run)
    parts = list(_head(run, lowered, story))
    if story is not None and story.members:
        parts += [
            _section(
                "Accuracy against cost", "Every network of the last search.", figures.accuracy_and_cost(story)
            ),
            _section("Generations", "New networks of each, and the best so far.", figures.generations(story)),
        ]
        if story.generations:
            said = "The networks kept at the end beside the first population."
            parts.append(_section("Which options win", said, figures.options(story)))
        if story.best is not None:
            said = "Everything that the best network descends from."
            parts.append(_section("Lineage of the winner", said, figures.lineage(story)))
    if finished := results(run):
        parts.append(section("Finished networks", element("p", _FINISHED), _finished(finished)))
    curves = curves_of(run)
    if any(tag.startswith("loss/") for tag in curves):
        said = "The losses of the supernet, by kind of network."
        parts.append(_section("Training", said, figures.training(curves)))
    if (looks := figures.held_out(curves)) is not None:
        said = "What networks told right of some held-out images at each tenth of the way."
        parts.append(_section("Held out while it trained", said, looks))
    for found in by_class.of(run):
        said = f"Of its {found.split} images, each class with its 95 % interval."
        parts.append(_section(f"Classes of {found.name}", said, classes.accuracies(found)))
        if (confusions := classes.matrix(found)) is not None:
            said = "Which classes (rows) are taken for which (columns)."
            parts.append(_section(f"Confusions of {found.name}", said, confusions))
    parts.append(_space(lowered, story))
    return html.page(run.name, *parts, script=get_plotlyjs())


def _head(run: RunFolder, lowered: Lowered, story: SearchSummary | None) -> Iterator[Node]:
    record, state = run.record, run.state
    if record.preview:
        yield element("p", "A preview: its numbers mean nothing.", kind="warning")
    rows: list[tuple[str, Node]] = [
        ("space", f"{record.space}, {counted(lowered.count, 'network', spaced)}"),
        ("data", record.data.name),
    ]
    if lowered.space.train.bounds and not record.network:
        rows.append(("trained inside", " and ".join(map(str, lowered.space.train.bounds))))
    if state is not None:
        rows.append(("training", f"{counted(state.step, 'step')} in {clock(state.elapsed)} on {record.device}"))
    yield properties([*rows, *([] if story is None else _searched(story))])


def _searched(story: SearchSummary) -> list[tuple[str, Node]]:
    account, generations = story.account, story.generations
    state = "ended" if story.ended else "not ended"
    goals = " and ".join(account["goals"])
    ranked = f", ranked by {account['score']}" if len(account["goals"]) == 1 else ""  # fronts are of accuracy
    number = f"{len(generations)} generation{'s' if len(generations) != 1 else ''}"
    rows: list[tuple[str, Node]] = [("search", f"{account['algorithm']}, for {goals}{ranked}, {number}, {state}")]
    if story.unended:
        rows.append(("", "another search has begun since, and not ended: it is not on this page"))
    if generations:
        last = generations[-1]
        share = last.saved / max(last.saved + last.spent, 1)
        spread = median(generation.spread for generation in generations)
        rows.append(
            (
                "images",
                f"{story.total} held out; networks looked at {spaced(last.spent)} in all, and were spared "
                f"{spaced(last.saved)} ({share:.0%}); accuracies of a generation: sd {spread:.2%} (median)",
            )
        )
        if last.volume is not None:
            rows.append(("hypervolume", f"{last.volume:.4f}"))
    if story.best is not None:
        best = story.members[story.best]
        costs = f"{short(best.costs['flops'])} MACs, {short(best.costs['params'])} params"
        line = element("code", notation.write(best.architecture))
        said = f" {best.accuracy:.2%}, {costs}"
        rows.append(("best", element("span", element("b", best.name), said, element("br"), line)))
    return rows


_FINISHED = "Trained on alone from the weights that they inherit: export and eval take these."


def _finished(found: Sequence[FinishResult]) -> Element:
    """What networks have come to that were trained on alone, a row each."""
    rows = []
    for one in found:
        cost = price(one.architecture)
        shares = ("–" if share is None else f"{share:.2%}" for share in (one.inherited, one.accuracy))
        name = one.architecture.name
        rows.append([name, short(cost.flops), short(cost.params), *shares, one.steps, clock(one.seconds)])
    heading = ["name", "MACs", "params", "held out, inherited", "finished", "steps", "time"]
    return html.table(heading, rows)


def _space(lowered: Lowered, story: SearchSummary | None) -> Element:
    best = story.members[story.best].costs["flops"] if story is not None and story.best is not None else None
    try:
        bars = figures.distribution(lowered, story.account["bounds"] if story else (), best)
    except TooLarge:
        bars = None
    if bars is None:
        said = "Its histogram cannot be had exactly: it has too many sums of costs."
        return section("The space", element("p", said))
    return _section("The space", "How many networks cost how much, every bar exact.", bars)


def _section(title: str, said: str, drawn: go.Figure) -> Element:
    div = to_html(
        drawn,
        full_html=False,
        include_plotlyjs=False,
        config={"displaylogo": False, "responsive": True},
        div_id=title.lower().replace(" ", "-"),
    )
    return section(title, element("p", said), figure(div))
