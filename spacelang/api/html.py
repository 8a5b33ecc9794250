"""How a notebook shows a value: a heading line and a table, plain HTML without styles of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_MOST = 60  # rows that are shown


def titled(title: str, *said: str) -> str:
    """A title in bold, and what is said of it."""
    return f"<p>{' · '.join([f'<b>{escape(title)}</b>', *map(escape, said)])}</p>"


def code(text: str) -> str:
    """A line of the language."""
    return f"<p><code>{escape(text)}</code></p>"


def table(heading: Sequence[str], body: Iterable[Sequence[object]]) -> str:
    """Rows of text under a heading."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heading)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in body)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def of_records(title: str, records: Sequence[Mapping[str, Any]]) -> str:
    """Rows under their names, the first of many."""
    more = (f"the first {_MOST}",) if len(records) > _MOST else ()
    names = list(records[0]) if records else []
    return titled(title, *more) + table(names, ([row[name] for name in names] for row in records[:_MOST]))
