"""Diagnostics for programs: a line each, JSON, annotations of GitHub Actions, SARIF 2.1.0."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Literal

from attrs import frozen

from spacelang.codes import TITLES, page
from spacelang.diagnostics import Diagnostic, Label
from spacelang.source import Source, Span
from spacelang.version import __version__

Format = Literal["human", "short", "json", "github", "sarif"]


@frozen
class Report:
    """A text and what was found in it."""

    source: Source
    diagnostics: tuple[Diagnostic, ...]


def written(reports: Sequence[Report], format: Literal["short", "json", "github", "sarif"]) -> str:
    """The reports in one of the formats, without a line break at the end."""
    rows = [(report.source, diagnostic) for report in reports for diagnostic in _ordered(report)]
    match format:
        case "short":
            return "\n".join(_short(source, diagnostic) for source, diagnostic in rows)
        case "github":
            return "\n".join(_annotation(source, diagnostic) for source, diagnostic in rows)
        case "json":
            return json.dumps(
                [_record(source, diagnostic) for source, diagnostic in rows], indent=2, ensure_ascii=False
            )
        case "sarif":
            return json.dumps(_sarif(rows), indent=2, ensure_ascii=False)


def _ordered(report: Report) -> list[Diagnostic]:
    own = report.source
    return sorted(
        report.diagnostics,
        key=lambda d: (_text(own, d.label.span) != own, d.label.span.start, d.code),
    )


def _text(source: Source, span: Span) -> Source:
    return span.source or source


def _short(source: Source, diagnostic: Diagnostic) -> str:
    text = _text(source, diagnostic.label.span)
    at = text.position(diagnostic.label.span.start)
    return f"{text.name}:{at.line}:{at.column}: {diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"


def _place(source: Source, span: Span) -> dict[str, Any]:
    text = _text(source, span)
    start, end = text.position(span.start), text.position(max(span.start, span.end))
    return {
        "file": text.name,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
    }


def _record(source: Source, diagnostic: Diagnostic) -> dict[str, Any]:
    """One finding as JSON values. Lines and columns count from 1; an end is the first column behind."""
    fix = diagnostic.fix
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        **_place(source, diagnostic.label.span),
        "label": diagnostic.label.text,
        "others": [{**_place(source, other.span), "label": other.text} for other in diagnostic.others],
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
        "fix": {**_place(source, fix.span), "replacement": fix.replacement} if fix else None,
    }


def _annotation(source: Source, diagnostic: Diagnostic) -> str:
    """A workflow command of GitHub Actions."""
    at = _place(source, diagnostic.label.span)
    same = at["line"] == at["end_line"]
    values = {
        "file": at["file"],
        "line": at["line"],
        "endLine": at["end_line"],
        "col": at["column"],
        **({"endColumn": at["end_column"]} if same else {}),
        "title": f"{diagnostic.code}: {TITLES.get(diagnostic.code, '')}",
    }
    properties = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in values.items())
    body = "\n".join(
        [diagnostic.message, *diagnostic.notes, *([f"help: {diagnostic.help}"] if diagnostic.help else [])]
    )
    return f"::{diagnostic.severity} {properties}::{_escaped(body)}"


def _escaped(text: str, also: str = "") -> str:
    """The text as a workflow command carries it."""
    return "".join(f"%{ord(c):02X}" if c in "%\r\n" + also else c for c in text)


def _sarif(rows: Sequence[tuple[Source, Diagnostic]]) -> dict[str, Any]:
    codes = sorted({diagnostic.code for _, diagnostic in rows})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "spacelang",
                        "semanticVersion": __version__,
                        "rules": [_rule(code) for code in codes],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(source, diagnostic, codes) for source, diagnostic in rows],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    text = page(code)
    return {
        "id": code,
        "shortDescription": {"text": TITLES[code]},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": "error" if code.startswith("E") else "warning"},
    }


def _result(source: Source, diagnostic: Diagnostic, codes: list[str]) -> dict[str, Any]:
    lines = [diagnostic.message, *diagnostic.notes, *([f"help: {diagnostic.help}"] if diagnostic.help else [])]
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": codes.index(diagnostic.code),
        "level": diagnostic.severity,
        "message": {"text": "\n".join(lines)},
        "locations": [_location(source, diagnostic.label)],
    }
    if diagnostic.others:
        result["relatedLocations"] = [_location(source, other) for other in diagnostic.others]
    if diagnostic.fix:
        where = _location(source, Label(diagnostic.fix.span))["physicalLocation"]
        change = {"deletedRegion": where["region"], "insertedContent": {"text": diagnostic.fix.replacement}}
        result["fixes"] = [
            {
                "description": {"text": diagnostic.help or "mend it"},
                "artifactChanges": [{"artifactLocation": where["artifactLocation"], "replacements": [change]}],
            }
        ]
    return result


def _location(source: Source, label: Label) -> dict[str, Any]:
    at = _place(source, label.span)
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(at["file"])},
            "region": {
                "startLine": at["line"],
                "startColumn": at["column"],
                "endLine": at["end_line"],
                "endColumn": at["end_column"],
            },
        }
    }
    if label.text:
        location["message"] = {"text": label.text}
    return location


def _uri(name: str) -> str:
    from urllib.parse import quote

    return quote(PurePath(name).as_posix(), safe="/")
