"""HTML: elements as values, written in one place, which alone escapes; the page that a file is, and the tables and
titles that pages and notebooks share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from attrs import field, frozen

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem; }
p { margin: .3rem 0; } figure { margin: 1rem 0; overflow-x: auto; }
code { font-size: .85em; overflow-wrap: anywhere; }
table { display: block; overflow-x: auto; border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid #ddd; }
th { color: #667; font-weight: normal; } td { font-variant-numeric: tabular-nums; }
.strong { font-weight: bold; } .quiet { color: #777; } .warning { color: #b00020; font-weight: 600; }
"""
_VOID = ("br", "link", "meta")  # elements without an end
_MOST = 60  # records that are shown


@frozen
class Markup:
    """What another has written: a figure, a script. It is taken as it is."""

    text: str


@frozen
class Element:
    """An element of HTML or SVG, with its attributes. Its strings are text, which is escaped when it is written."""

    name: str
    children: tuple[Node, ...] = ()
    attributes: Mapping[str, str] = field(factory=dict)


Node = str | Element | Markup


def element(name: str, *children: Node, kind: str = "") -> Element:
    """An element around its children. kind: its class."""
    return Element(name, children, {"class": kind} if kind else {})


def written(*nodes: Node) -> str:
    """Nodes as text. It is well-formed XML too, but for what a `Markup` brings."""
    return "".join(map(_written, nodes))


def _written(node: Node) -> str:
    match node:
        case str():
            return escape(node)
        case Markup(text):
            return text
        case Element(name, children, attributes):
            start = "".join([name, *(f' {key}="{escape(value)}"' for key, value in attributes.items())])
            return f"<{start}/>" if name in _VOID else f"<{start}>{written(*children)}</{name}>"


def page(title: str, *body: Node, script: str = "") -> str:
    """A page that needs no other file, headed by its title, readable on a screen of 420 pixels: a wider
    figure or table scrolls by itself. script: what its figures run on."""
    head = [
        Element("meta", (), {"charset": "utf-8"}),
        Element("meta", (), {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        Element("link", (), {"rel": "icon", "href": "data:,"}),
        element("title", title),
        element("style", Markup(_STYLE)),
    ]
    if script:
        head.append(element("script", Markup(script)))
    content = (element("head", *head), element("body", element("h1", title), *body))
    return f"<!doctype html>\n{written(Element('html', content, {'lang': 'en'}))}\n"


def section(title: str, *body: Node) -> Element:
    """A part of a page under its title."""
    return element("section", element("h2", title), *body)


def figure(markup: str) -> Element:
    """A figure that another has written, as SVG or HTML."""
    return element("figure", Markup(markup))


@frozen
class TableRow:
    """A row of a table. kind: its class, `strong` or `quiet`."""

    cells: Sequence[object]
    kind: str = ""


def table(heading: Sequence[str], body: Iterable[TableRow | Sequence[object]]) -> Element:
    """Rows under a heading."""
    rows = [one if isinstance(one, TableRow) else TableRow(one) for one in body]
    lines = [element("tr", *(_cell("td", cell) for cell in row.cells), kind=row.kind) for row in rows]
    head = element("tr", *(_cell("th", name) for name in heading))
    return element("table", element("thead", head), element("tbody", *lines))


def properties(rows: Iterable[tuple[str, object]]) -> Element:
    """What something has: a name and its value a row."""
    lines = [element("tr", _cell("th", name), _cell("td", value)) for name, value in rows]
    return element("table", element("tbody", *lines))


def _cell(name: str, value: object) -> Element:
    return element(name, value if isinstance(value, Element | Markup) else str(value))


def titled(title: str, *said: str) -> Element:
    """A title in bold, and what is said of it."""
    return element("p", element("b", title), *(f" · {one}" for one in said))


def code(text: str) -> Element:
    """A line of the language."""
    return element("p", element("code", text))


def of_records(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows under their names, the first of many, under a title: how a notebook shows a value."""
    more = (f"the first {_MOST}",) if len(rows) > _MOST else ()
    names = list(rows[0]) if rows else []
    return written(titled(title, *more), table(names, ([row[name] for name in names] for row in rows[:_MOST])))
