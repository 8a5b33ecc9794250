"""The page: figures with what they show, in one file with its script inside."""

from __future__ import annotations

from html import escape
from statistics import median

import plotly.graph_objects as go
from plotly.io import to_html
from plotly.offline import get_plotlyjs

from spacelang import notation
from spacelang.amount import clock, short, spaced
from spacelang.lower.lowered import Lowered
from spacelang.lower.too_large import TooLarge
from spacelang_runtime.engine import by_class
from spacelang_runtime.engine.run import Run
from spacelang_runtime.report import classes, figures
from spacelang_runtime.report.curves import curves_of
from spacelang_runtime.report.search_summary import SearchSummary, summary_of

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 2rem auto;
       padding: 0 1rem; color: #20242b; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem; }
p { margin: .3rem 0; } table { border-collapse: collapse; margin: 1rem 0; }
td, th { text-align: left; padding: .15rem 1.2rem .15rem 0; vertical-align: top; font-weight: normal; }
th { color: #667; } code { font-size: .85em; overflow-wrap: anywhere; }
.preview { color: #b00020; font-weight: 600; }
"""


def page(run: Run, lowered: Lowered) -> str:
    """A run as an HTML file. lowered: of the run's space."""
    story = summary_of(run)
    parts = [_head(run, lowered, story)]
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
    curves = curves_of(run)
    if any(tag.startswith("loss/") for tag in curves):
        said = "The losses of the supernet, by kind of network."
        parts.append(_section("Training", said, figures.training(curves)))
    for found in by_class.of(run):
        said = f"Of its {found.split} images, each class with its 95 % interval."
        parts.append(_section(f"Classes of {found.name}", said, classes.shares(found)))
        if (figure := classes.matrix(found)) is not None:
            said = "Which classes (rows) are taken for which (columns)."
            parts.append(_section(f"Confusions of {found.name}", said, figure))
    parts.append(_space(lowered, story))
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'><link rel='icon' href='data:,'>"
        f"<title>{escape(run.name)}</title><style>{STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body>{''.join(parts)}</body></html>\n"
    )


def _head(run: Run, lowered: Lowered, story: SearchSummary | None) -> str:
    record, state = run.record, run.state
    rows = [
        ("space", f"{escape(record.space)}, {spaced(lowered.count)} networks"),
        ("data", escape(record.data.name)),
    ]
    if state is not None:
        rows.append(("training", f"{state.step} steps in {clock(state.elapsed)} on {escape(record.device)}"))
    if story is not None:
        rows += _searched(story)
    table = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows)
    preview = "<p class='preview'>A preview: its numbers mean nothing.</p>" if record.preview else ""
    return f"<h1>{escape(run.name)}</h1>{preview}<table>{table}</table>"


def _searched(story: SearchSummary) -> list[tuple[str, str]]:
    account, generations = story.account, story.generations
    state = "ended" if story.ended else "not ended"
    goals = " and ".join(account["goals"])
    rows = [("search", f"{account['algorithm']}, for {goals}, {len(generations)} generations, {state}")]
    if generations:
        last = generations[-1]
        share = last.saved / max(last.saved + last.spent, 1)
        spread = median(generation.spread for generation in generations)
        rows.append(
            (
                "images",
                f"{story.total} held out; networks were judged on {spaced(last.spent)}, and not on "
                f"{spaced(last.saved)} ({share:.0%}); accuracies of a generation: sd {spread:.2%} (median)",
            )
        )
        if last.volume is not None:
            rows.append(("hypervolume", f"{last.volume:.4f}"))
    if story.best is not None:
        best = story.members[story.best]
        costs = f"{short(best.costs['flops'])} MACs, {short(best.costs['params'])} params"
        line = escape(notation.write(best.architecture))
        rows.append(("best", f"<b>{best.name}</b> {best.accuracy:.2%}, {costs}<br><code>{line}</code>"))
    return rows


def _space(lowered: Lowered, story: SearchSummary | None) -> str:
    best = story.members[story.best].costs["flops"] if story is not None and story.best is not None else None
    try:
        figure = figures.distribution(lowered, story.account["bounds"] if story else (), best)
    except TooLarge:
        figure = None
    if figure is None:
        return _titled("The space", "Its histogram cannot be had exactly: it has too many sums of costs.")
    return _section("The space", "How many networks cost how much, every bar exact.", figure)


def _section(title: str, said: str, figure: go.Figure) -> str:
    return _titled(title, said) + to_html(
        figure,
        full_html=False,
        include_plotlyjs=False,
        config={"displaylogo": False, "responsive": True},
        div_id=title.lower().replace(" ", "-"),
    )


def _titled(title: str, said: str) -> str:
    return f"<h2>{escape(title)}</h2><p>{escape(said)}</p>"
