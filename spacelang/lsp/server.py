"""The shell that speaks the Language Server Protocol: positions in, values of the features out.

It keeps no state but the open texts. Every text is sent whole when it changes, since what counts as the end of a
line in an incremental change differs between editors and libraries, and texts are small.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from spacelang.check import compile_text
from spacelang.lsp import symbols as outline
from spacelang.lsp.completion import Completion, completion
from spacelang.lsp.definition import definition
from spacelang.lsp.fixes import QuickFix, fixes, together
from spacelang.lsp.formatting import formatting
from spacelang.lsp.hover import hover
from spacelang.lsp.messages import Messages
from spacelang.lsp.opened import Document, finding, findings, text_of
from spacelang.lsp.rename import Refused, renamable, rename
from spacelang.source import Span

_PAUSE = 0.05  # seconds without another key before a text is checked
_REQUEST_FAILED = -32803

_COMPLETIONS = {
    "name": lsp.CompletionItemKind.Property,
    "block": lsp.CompletionItemKind.Module,
    "word": lsp.CompletionItemKind.Keyword,
    "value": lsp.CompletionItemKind.EnumMember,
    "file": lsp.CompletionItemKind.File,
}
_SYMBOLS = {
    "space": lsp.SymbolKind.Namespace,
    "block": lsp.SymbolKind.Module,
    "setting": lsp.SymbolKind.Constant,
    "choice": lsp.SymbolKind.Enum,
    "rule": lsp.SymbolKind.Boolean,
    "measure": lsp.SymbolKind.Number,
}


def publish(server: LanguageServer, uri: str) -> None:
    """Check an open text and say what is wrong with it."""
    text = text_of(server, uri)
    diagnostics = findings(text)
    server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, diagnostics, text.version))


def _publish_heirs(server: LanguageServer, changed: str) -> None:
    """Check the open texts that are made from others, since one of these has changed."""
    for uri, document in server.workspace.text_documents.items():
        if uri != changed and ("extends" in document.source or "narrows" in document.source):
            publish(server, uri)


async def _changed(server: LanguageServer, params: lsp.DidChangeTextDocumentParams) -> None:
    uri, version = params.text_document.uri, params.text_document.version
    await asyncio.sleep(_PAUSE)
    document = server.workspace.text_documents.get(uri)
    if document is not None and document.version == version:
        publish(server, uri)
        _publish_heirs(server, uri)


def _opened(server: LanguageServer, params: lsp.DidOpenTextDocumentParams) -> None:
    publish(server, params.text_document.uri)
    _publish_heirs(server, params.text_document.uri)


def _closed(server: LanguageServer, params: lsp.DidCloseTextDocumentParams) -> None:
    uri = params.text_document.uri
    server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, []))
    _publish_heirs(server, uri)


def _files_changed(server: LanguageServer, params: lsp.DidChangeWatchedFilesParams) -> None:
    _publish_heirs(server, "")


def _hover(server: LanguageServer, params: lsp.HoverParams) -> lsp.Hover | None:
    text = text_of(server, params.text_document.uri)
    shown = hover(text.source, text.offset(params.position), text.load)
    if shown is None:
        return None
    return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, shown.markdown), text.range(shown.span))


def _completion(server: LanguageServer, params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
    text = text_of(server, params.text_document.uri)
    items = completion(text.source, text.offset(params.position), _neighbours(text), text.load)
    return [_item(text, number, offer) for number, offer in enumerate(items)]


def _neighbours(text: Document) -> list[str]:
    """The spaces beside a text."""
    folder = Path(text.path).parent if text.path else None
    if folder is None or not folder.is_dir():
        return []
    return sorted(p.name for p in folder.glob("*.space") if p.as_posix() != text.path)[:200]


def _item(text: Document, number: int, offer: Completion) -> lsp.CompletionItem:
    return lsp.CompletionItem(
        label=offer.label,
        kind=_COMPLETIONS[offer.kind],
        documentation=offer.detail or None,
        sort_text=f"{number:03d}",
        text_edit=lsp.TextEdit(text.range(offer.span), offer.label),
    )


def _definition(server: LanguageServer, params: lsp.DefinitionParams) -> list[lsp.Location]:
    text = text_of(server, params.text_document.uri)
    targets = definition(text.source, text.offset(params.position), text.load)
    return [text.location(target.source, target.span) for target in targets]


def _formatting(server: LanguageServer, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
    text = text_of(server, params.text_document.uri)
    return text.edits(formatting(text.source))


def _document_symbols(server: LanguageServer, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
    text = text_of(server, params.text_document.uri)

    def shown(symbol: outline.Symbol) -> lsp.DocumentSymbol:
        children = [shown(child) for child in symbol.children]
        name, whole = text.range(symbol.name_span), text.range(symbol.span)
        return lsp.DocumentSymbol(symbol.name, _SYMBOLS[symbol.kind], whole, name, symbol.detail, children=children)

    return [shown(symbol) for symbol in outline.symbols(text.source)]


def _code_actions(server: LanguageServer, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
    text = text_of(server, params.text_document.uri)
    start, end = text.offset(params.range.start), text.offset(params.range.end)
    offered = fixes(compile_text(text.source, text.load).diagnostics, text.source.text)
    only = params.context.only
    actions: list[lsp.CodeAction] = []
    if only is None or lsp.CodeActionKind.QuickFix in only:
        actions += [_action(text, o) for o in offered if _touches(o.diagnostic.label.span, start, end)]
    all_ = together(offered)
    if len(all_) > 1 and (only is None or {"source", lsp.CodeActionKind.SourceFixAll} & set(only)):
        edit = lsp.WorkspaceEdit({text.uri: text.edits(all_)})
        actions.append(lsp.CodeAction("Mend all slips", lsp.CodeActionKind.SourceFixAll, edit=edit))
    return actions


def _touches(span: Span, start: int, end: int) -> bool:
    return span.start <= end and start <= span.end


def _action(text: Document, offered: QuickFix) -> lsp.CodeAction:
    return lsp.CodeAction(
        title=offered.title,
        kind=lsp.CodeActionKind.QuickFix,
        diagnostics=[finding(text, offered.diagnostic)],
        is_preferred=offered.preferred,
        edit=lsp.WorkspaceEdit({text.uri: text.edits([offered.fix])}),
    )


def _prepare_rename(server: LanguageServer, params: lsp.PrepareRenameParams) -> lsp.Range:
    text = text_of(server, params.text_document.uri)
    match renamable(text.source, text.offset(params.position)):
        case Refused(reason):
            raise JsonRpcException(reason, _REQUEST_FAILED)
        case span:
            return text.range(span)


def _rename(server: LanguageServer, params: lsp.RenameParams) -> lsp.WorkspaceEdit:
    text = text_of(server, params.text_document.uri)
    match rename(text.source, text.offset(params.position), params.new_name):
        case Refused(reason):
            raise JsonRpcException(reason, _REQUEST_FAILED)
        case edits:
            return lsp.WorkspaceEdit({text.uri: text.edits(edits)})


def server(version: str) -> LanguageServer:
    """A language server with all features, ready for `serve`."""
    made = LanguageServer("spacelang", version, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
    features: dict[str, tuple[Callable[..., Any], Any]] = {
        lsp.TEXT_DOCUMENT_DID_OPEN: (_opened, None),
        lsp.TEXT_DOCUMENT_DID_CHANGE: (_changed, None),
        lsp.TEXT_DOCUMENT_DID_CLOSE: (_closed, None),
        lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES: (_files_changed, None),
        lsp.TEXT_DOCUMENT_HOVER: (_hover, None),
        lsp.TEXT_DOCUMENT_COMPLETION: (_completion, lsp.CompletionOptions(trigger_characters=[".", '"', " "])),
        lsp.TEXT_DOCUMENT_DEFINITION: (_definition, None),
        lsp.TEXT_DOCUMENT_FORMATTING: (_formatting, None),
        lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL: (_document_symbols, None),
        lsp.TEXT_DOCUMENT_CODE_ACTION: (
            _code_actions,
            lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.SourceFixAll]),
        ),
        lsp.TEXT_DOCUMENT_PREPARE_RENAME: (_prepare_rename, None),
        lsp.TEXT_DOCUMENT_RENAME: (_rename, lsp.RenameOptions(prepare_provider=True)),
    }
    for name, (feature, options) in features.items():
        made.feature(name, options)(feature)
    return made


def serve(made: LanguageServer) -> None:
    """Serve an editor over standard input and output, until it ends."""
    out = sys.stdout.buffer

    def answer(said: bytes) -> None:
        out.write(said)
        out.flush()

    def understood(message: dict[str, Any]) -> None:
        try:
            made.protocol.structure_message(message)
        except JsonRpcException:
            raise ValueError("wrong parameters") from None

    made.start_io(cast(BinaryIO, Messages(sys.stdin.buffer, understood, answer)), out)
