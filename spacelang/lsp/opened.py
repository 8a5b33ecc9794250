"""An open text as the protocol sees it, and what is wrong with it in the protocol's words."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from attrs import frozen
from lsprotocol import types as lsp
from pygls import uris
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from spacelang import resources
from spacelang.check import compile_text
from spacelang.check.lineage import Loader, nothing
from spacelang.diagnostics import Diagnostic, Fix, Label
from spacelang.lsp.buffers import loader
from spacelang.lsp.positions import Encoding, Lines
from spacelang.source import NotAText, Source, Span, read
from spacelang.syntax import parse, tree

_SEVERITIES = {"error": lsp.DiagnosticSeverity.Error, "warning": lsp.DiagnosticSeverity.Warning}


@frozen
class Document:
    """An open text, how its editor counts in it, and how what it is made from is had. path: None where the text is
    in no file."""

    uri: str
    path: str | None
    version: int | None
    source: Source
    lines: Lines
    load: Loader

    def offset(self, position: lsp.Position) -> int:
        return self.lines.offset(position.line, position.character)

    def range(self, span: Span) -> lsp.Range:
        return _range(self.lines, span)

    def location(self, source: Source, span: Span) -> lsp.Location:
        """A place in this text or in another."""
        if source == self.source:
            return lsp.Location(self.uri, self.range(span))
        uri = uris.from_fs_path(source.name) or source.name
        return lsp.Location(uri, _range(Lines(source.text, self.lines.encoding), span))

    def edits(self, edits: Iterable[Fix]) -> list[lsp.TextEdit]:
        return [lsp.TextEdit(self.range(fix.span), fix.replacement) for fix in edits]


def text_of(server: LanguageServer, uri: str) -> Document:
    """The text of a document as it stands on the screen; of one that is not open, as it lies in its file. Raises
    `JsonRpcInvalidParams` where there is neither."""
    path, document = _path(uri), server.workspace.text_documents.get(unquote(uri))
    text = _text_in(path, uri) if document is None else document.source
    agreed = server.workspace.position_encoding
    encoding: Encoding = "utf-8" if agreed == "utf-8" else "utf-32" if agreed == "utf-32" else "utf-16"
    buffers = {p: d.source for u, d in server.workspace.text_documents.items() if (p := _path(u))}
    return Document(
        uri,
        path,
        None if document is None else document.version,
        Source(path or uri, text),
        Lines(text, encoding),
        loader(path, buffers) if path else nothing,
    )


def _text_in(path: str | None, uri: str) -> str:
    if path is not None and Path(path).is_file():  # and no device or pipe, which may go on for ever
        try:
            return read(Path(path)).text
        except (OSError, NotAText) as reason:
            raise JsonRpcInvalidParams(f"{uri} cannot be read: {reason}") from None
    raise JsonRpcInvalidParams(f"{uri} is not open, and no file")


def _path(uri: str) -> str | None:
    """The path of a file by its URI, with `/` between folders."""
    path = uris.to_fs_path(uri) if uri.startswith("file:") else None
    return Path(os.path.normpath(path)).as_posix() if path else None


def _range(lines: Lines, span: Span) -> lsp.Range:
    return lsp.Range(lsp.Position(*lines.position(span.start)), lsp.Position(*lines.position(span.end)))


def findings(text: Document) -> list[lsp.Diagnostic]:
    """What is wrong with a text, as an editor shows it."""
    return [finding(text, diagnostic) for diagnostic in compile_text(text.source, text.load).diagnostics]


def finding(text: Document, diagnostic: Diagnostic) -> lsp.Diagnostic:
    """What is wrong in a text that this one is made from is shown at the line that says so."""
    place, others = diagnostic.label.span, diagnostic.others
    if place.source is not None:
        others = (Label(place, diagnostic.message), *others)
        place = next(
            (s.span for s in parse(text.source).file.statements if isinstance(s, tree.Extends)), Span(0, 0)
        )
    related = [
        lsp.DiagnosticRelatedInformation(text.location(o.span.source or text.source, o.span), o.text or "here")
        for o in others
    ]
    said = [diagnostic.message, *filter(None, [diagnostic.label.text])]
    said += [f"note: {note}" for note in diagnostic.notes]
    said += [f"help: {diagnostic.help}"] if diagnostic.help else []
    return lsp.Diagnostic(
        range=text.range(place),
        message="\n".join(said),
        severity=_SEVERITIES[diagnostic.severity],
        code=diagnostic.code,
        code_description=lsp.CodeDescription((resources.folder("errors") / f"{diagnostic.code}.md").as_uri()),
        source="spacelang",
        related_information=related or None,
    )
