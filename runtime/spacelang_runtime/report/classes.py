"""The figures of what networks take each class for."""

from __future__ import annotations

import plotly.graph_objects as go

from spacelang_runtime.engine.by_class import ByClass
from spacelang_runtime.report.figures import MARGIN

LIKE, UNLIKE = "#30638e", "#ffffff"
LARGEST = 100  # classes, up to which a matrix can be read
CLOSE = 18  # pixels a row of classes


def accuracies(found: ByClass) -> go.Figure:
    """The share of each class, the worst at the top, with its 95 % interval."""
    known = [
        (share, name, interval)
        for share, name, interval in zip(found.accuracies, found.classes, found.intervals, strict=True)
        if share is not None and interval is not None
    ]
    known.sort(key=lambda one: -one[0])
    figure = go.Figure()
    figure.add_scatter(
        x=[share for share, _, _ in known],
        y=[name for _, name, _ in known],
        mode="markers",
        marker={"color": LIKE},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [interval[1] - share for share, _, interval in known],
            "arrayminus": [share - interval[0] for share, _, interval in known],
        },
    )
    figure.update_xaxes(tickformat=".0%", range=[0, 1], title="images that are right")
    figure.update_yaxes(type="category", dtick=1)
    return figure.update_layout(template="plotly_white", margin=MARGIN, height=110 + CLOSE * len(known))


def matrix(found: ByClass) -> go.Figure | None:
    """Which classes (rows) are taken for which (columns), in shares of each row; None where they are too many."""
    if len(found.classes) > LARGEST:
        return None
    rows = [[count / max(sum(line), 1) for count in line] for line in found.confusion]
    figure = go.Figure()
    figure.add_heatmap(
        z=rows,
        x=found.classes,
        y=found.classes,
        text=[list(line) for line in found.confusion],
        hovertemplate="%{y} taken for %{x}: %{text} images, %{z:.1%}<extra></extra>",
        colorscale=[[0, UNLIKE], [1, LIKE]],
        zmin=0,
        zmax=1,
        colorbar={"tickformat": ".0%"},
    )
    figure.update_xaxes(type="category", title="taken for")
    figure.update_yaxes(type="category", title="class", autorange="reversed")
    return figure.update_layout(template="plotly_white", margin=MARGIN, height=240 + 2 * CLOSE * len(found.classes))
