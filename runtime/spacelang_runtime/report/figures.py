"""The figures of a report, as plotly draws them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import pairwise

import plotly.graph_objects as go

from spacelang.amount import counted, rough, short, unit_of
from spacelang.architecture import Architecture
from spacelang.expression import decimal, exact
from spacelang.lower.chain import Window
from spacelang.lower.lowered import Lowered
from spacelang.recipe import from_record
from spacelang_runtime.report.curves import PlottedCurve
from spacelang_runtime.report.search_summary import SearchSummary, SummaryRow
from spacelang_runtime.search import pareto

WINNER, FRONT, OTHERS, LEFT = "#d1495b", "#30638e", "#8d99ae", "#c9ced6"
BARS = 40
CLOSE = 24  # pixels a row of options
HELD_OUT = "held out/"  # curves of looks while a training goes on
MARGIN = {"l": 60, "r": 20, "t": 40, "b": 50}  # at the top the buttons of plotly
BELOW = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"}  # on a narrow screen, several rows


def accuracy_and_cost(story: SearchSummary) -> go.Figure:
    """Accuracy against MACs: every network, the front, the winner."""
    full = {digest: member for digest, member in story.members.items() if not member.left}
    left = [member for member in story.members.values() if member.left]
    suffix, unit = unit_of(max((member.costs["flops"] for member in story.members.values()), default=0))
    figure = go.Figure()
    figure.add_scatter(**_dots(left, unit, "left in a race", {"color": LEFT, "symbol": "circle-open"}))
    figure.add_scatter(
        **_dots(
            full.values(),
            unit,
            "scored in full",
            {
                "color": [member.generation for member in full.values()],
                "colorscale": "Blues",
                "colorbar": {"title": "generation"},
                "line": {"color": OTHERS, "width": 0.5},
            },
        )
    )
    members = list(full.values())
    points = [(-round(member.accuracy * story.total), member.costs["flops"]) for member in members]
    front = sorted((members[i] for i in pareto.front(points)), key=lambda member: member.costs["flops"])
    figure.add_scatter(**_dots(front, unit, "front", {"color": FRONT, "size": 8}) | {"mode": "lines+markers"})
    if story.best is not None:
        best = story.members[story.best]
        figure.add_scatter(**_dots([best], unit, "best", {"color": WINNER, "symbol": "star", "size": 15}))
    figure.update_yaxes(tickformat=".1%")
    figure.update_xaxes(ticksuffix=suffix)
    return _laid_out(figure, "MACs", "held-out accuracy")


def generations(story: SearchSummary) -> go.Figure:
    """The best so far, and where each generation's new networks lie."""
    numbers = [generation.number for generation in story.generations]
    figure = go.Figure()
    members = [member for member in story.members.values() if not member.left]
    figure.add_box(
        x=[member.generation for member in members],
        y=[member.accuracy for member in members],
        name="new networks",
        marker={"color": OTHERS},
        boxpoints=False,
    )
    best = [generation.best / (generation.images or story.total) for generation in story.generations]
    figure.add_scatter(x=numbers, y=best, name="best so far", line={"color": WINNER})
    if any(generation.volume is not None for generation in story.generations):
        volumes = [generation.volume for generation in story.generations]
        figure.add_scatter(
            x=numbers, y=volumes, name="hypervolume", yaxis="y2", line={"color": FRONT, "dash": "dot"}
        )
        figure.update_layout(yaxis2={"title": "hypervolume", "overlaying": "y", "side": "right", "showgrid": False})
    _by_generation(figure, len(story.generations))
    return _laid_out(figure, "generation", "held-out accuracy")


def _by_generation(figure: go.Figure, count: int) -> None:
    """Ticks at whole generations, at most about ten of them, and accuracies in percent."""
    figure.update_xaxes(dtick=max(1, -(-count // 10)), tick0=0)
    figure.update_layout(yaxis={"tickformat": ".1%"})  # the first axis alone: a second one is no accuracy


def options(story: SearchSummary) -> go.Figure:
    """Which options win: how often each is taken by the networks kept at the end, and by those drawn first."""
    kept = [story.members[name].architecture for name in story.generations[-1].parents if name in story.members]
    if not kept and story.best is not None:
        kept = [story.members[story.best].architecture]
    first = [member.architecture for member in story.members.values() if member.generation == 0]
    before, after = _shares(first), _shares(kept)
    keys = sorted(before.keys() | after.keys(), reverse=True)
    rows = [f"stage {stage}  {dimension} {_shown(value)}" for stage, dimension, value in keys]
    figure = go.Figure()
    for name, shares, colour in (("kept", after, WINNER), ("first population", before, OTHERS)):
        figure.add_bar(
            y=rows,
            x=[shares.get(key, 0.0) for key in keys],
            name=name,
            orientation="h",
            marker={"color": colour},
            hovertemplate="%{y}: %{x:.0%}<extra>" + name + "</extra>",
        )
    figure.update_xaxes(tickformat=".0%")
    figure.update_layout(barmode="group", bargap=0.25, height=180 + CLOSE * len(rows))
    figure.update_yaxes(dtick=1)
    return _laid_out(figure, "share of the stage's layers<br>(depth, embed: of the networks)", "")


def lineage(story: SearchSummary) -> go.Figure:
    """What the best network descends from."""
    figure = go.Figure()
    assert story.best is not None
    line = story.ancestors(story.best)
    for operator, dash in (("crossover", "solid"), ("mutation", "dot")):
        x: list[int | None] = []
        y: list[float | None] = []
        for member in line.values():
            if member.operator != operator:
                continue
            for parent in member.parents:
                if parent in line:
                    x += [line[parent].generation, member.generation, None]
                    y += [line[parent].accuracy, member.accuracy, None]
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            name=operator,
            hoverinfo="skip",
            line={"color": OTHERS, "dash": dash, "width": 1},
        )
    figure.add_scatter(
        x=[member.generation for member in line.values()],
        y=[member.accuracy for member in line.values()],
        mode="markers",
        name="networks",
        text=[_told(member) for member in line.values()],
        hovertemplate="%{text}<extra></extra>",
        marker={"color": [WINNER if digest == story.best else FRONT for digest in line], "size": 9},
    )
    _by_generation(figure, len(story.generations))
    return _laid_out(figure, "generation", "held-out accuracy")


def training(curves: Mapping[str, PlottedCurve]) -> go.Figure:
    """The losses of the sandwich, and the learning rate."""
    figure = go.Figure()
    for tag, (steps, values) in curves.items():
        if tag.startswith("loss/"):
            figure.add_scatter(x=steps, y=values, name=tag.removeprefix("loss/"), line={"width": 1.5})
    rate = curves.get("schedule/learning rate")
    if rate is not None:
        dotted = {"color": OTHERS, "dash": "dot"}
        figure.add_scatter(x=rate[0], y=rate[1], name="learning rate", yaxis="y2", line=dotted)
        figure.update_layout(
            yaxis2={
                "title": "learning rate",
                "overlaying": "y",
                "side": "right",
                "showgrid": False,
                "rangemode": "tozero",
                "tickmode": "auto",
                "tickformat": ".1e",
            }
        )
    return _laid_out(figure, "step", "loss")


def held_out(curves: Mapping[str, PlottedCurve]) -> go.Figure | None:
    """What networks told right of the held-out images at each look; None where there was none."""
    figure = go.Figure()
    for tag, (steps, values) in curves.items():
        if tag.startswith(HELD_OUT):
            figure.add_scatter(x=steps, y=values, name=tag.removeprefix(HELD_OUT), mode="lines+markers")
    figure.update_yaxes(tickformat=".0%")
    return _laid_out(figure, "step", "held-out accuracy") if figure.data else None


def distribution(
    lowered: Lowered, bounds: Iterable[Mapping[str, int | str | None]], best: int | None
) -> go.Figure | None:
    """How many networks of the space cost how much; None where that cannot be had exactly."""
    from spacelang.lower.histogram import histogram

    found = histogram(lowered.chain, "flops")
    whole = lowered.range("flops")
    if found is None:
        return None
    edges = [whole.lo + (whole.hi + 1 - whole.lo) * i // BARS for i in range(BARS + 1)]
    counts = found.bins([Window(low, high - 1) for low, high in pairwise(edges)])
    middles = [(low + high) // 2 for low, high in pairwise(edges)]
    total, (suffix, unit) = lowered.count, unit_of(whole.hi)
    figure = go.Figure()
    figure.add_bar(
        x=[middle / unit for middle in middles],
        y=[float(Fraction(count, total)) for count in counts],
        marker={"color": FRONT},
        text=[
            f"{short(middle)} MACs: {f'{count:.3g}' if count < 10**300 else rough(count)}"
            for middle, count in zip(middles, counts, strict=True)
        ],
        textposition="none",
        hovertemplate="%{text} networks, %{y:.2%}<extra></extra>",
        name="networks",
    )
    for bound in map(from_record, bounds):
        if bound.measure == "flops":
            low, high = max(bound.low or whole.lo, whole.lo), min(bound.high or whole.hi, whole.hi)
            ends, look = (
                {"x0": float(low / unit), "x1": float(high / unit)},
                {"fillcolor": OTHERS, "opacity": 0.15, "line_width": 0},
            )
            figure.add_vrect(**ends, **look, annotation_text="bound")
    if best is not None:
        figure.add_vline(x=best / unit, line_color=WINNER, annotation_text="best")
    figure.update_layout(showlegend=False)
    figure.update_yaxes(tickformat=".0%")
    figure.update_xaxes(range=[whole.lo / unit, whole.hi / unit], ticksuffix=suffix)
    return _laid_out(figure, "MACs", "share of the space")


def _dots(members: Iterable[SummaryRow], unit: int, name: str, marker: Mapping[str, object]) -> dict[str, object]:
    members = list(members)
    return {
        "x": [member.costs["flops"] / unit for member in members],
        "y": [member.accuracy for member in members],
        "mode": "markers",
        "name": name,
        "marker": {"size": 7, **marker},
        "text": [_told(member) for member in members],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _told(member: SummaryRow) -> str:
    shape = "<br>".join(
        f"stage {number}: embed {stage.embed}, {counted(len(stage.layers), 'layer')}, "
        f"window {_several(layer.window for layer in stage.layers)}, heads "
        f"{_several(layer.heads for layer in stage.layers)}, mlp {_several(layer.mlp for layer in stage.layers)}"
        for number, stage in enumerate(member.architecture.stages, 1)
    )
    costs = f"{short(member.costs['flops'])} MACs, {short(member.costs['params'])} params"
    judged = "left in a race at " if member.left else ""
    return (
        f"<b>{member.name}</b>  {judged}{member.accuracy:.2%}<br>{costs}<br>"
        f"{member.operator}, generation {member.generation}<br>{shape}"
    )


def _several(values: Iterable[object]) -> str:
    return " ".join(_shown(value) for value in values)


def _shown(value: object) -> str:
    return decimal(exact(value)) if isinstance(value, Fraction) else str(value)


def _shares(architectures: list[Architecture]) -> dict[tuple[int, str, object], float]:
    """How often each option of each stage is taken: of all networks, or of all layers of the stage."""
    taken: Counter[tuple[int, str, object]] = Counter()
    for architecture in architectures:
        for number, stage in enumerate(architecture.stages, 1):
            taken[number, "depth", len(stage.layers)] += 1
            taken[number, "embed", stage.embed] += 1
            for layer in stage.layers:
                for dimension in ("heads", "mlp", "window"):
                    taken[number, dimension, getattr(layer, dimension)] += 1
    sums: Counter[tuple[int, str]] = Counter()
    for (number, dimension, _), count in taken.items():
        sums[number, dimension] += count
    return {key: count / sums[key[:2]] for key, count in taken.items()}


def _laid_out(figure: go.Figure, x: str, y: str) -> go.Figure:
    figure.update_layout(
        template="plotly_white",
        margin=MARGIN,
        legend=BELOW,
        hoverlabel={"align": "left"},
        font={"family": "system-ui, sans-serif"},
    )
    figure.update_xaxes(title=x, exponentformat="none")
    figure.update_yaxes(title=y, selector={"side": None} if y else None)
    return figure
