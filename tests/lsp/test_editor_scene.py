"""A whole editing scene, over standard input and output, with a client library at the other end."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

WIDE = """edition 2026
space wide
image = 32
patch = 4
classes = 10
stage 1 {
  depth in 1..2
  embed in {16, 32}
  each layer {
    heads = 2
    mlp in {2, 4}
  }
}
"""

# Each fox takes two columns of UTF-16.
BROKEN = """edition 2026
space near
extends "wide.space"
stage 1 { /* 🦊🦊 */ embed = [32]
   each layer { heds = 4 } # 🦊
}
"""


class Editor:
    """The client's side: the texts as they stand on the screen, and what the server said of them."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client, self.folder = client, folder
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.said: asyncio.Queue[lsp.PublishDiagnosticsParams] = asyncio.Queue()

        @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def heard(params: lsp.PublishDiagnosticsParams) -> None:
            self.said.put_nowait(params)

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def document(self, name: str) -> lsp.TextDocumentIdentifier:
        return lsp.TextDocumentIdentifier(self.uri(name))

    async def open(self, name: str, text: str) -> list[lsp.Diagnostic]:
        self.texts[name], self.versions[name] = text, 1
        item = lsp.TextDocumentItem(self.uri(name), "space", 1, text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
        return await self.diagnostics(name)

    async def change(self, name: str, text: str) -> list[lsp.Diagnostic]:
        self.texts[name] = text
        self.versions[name] += 1
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(self.versions[name], self.uri(name)),
                [lsp.TextDocumentContentChangeWholeDocument(text)],
            )
        )
        return await self.diagnostics(name)

    async def diagnostics(self, name: str) -> list[lsp.Diagnostic]:
        """What is said of a text next, for the version that stands on the screen."""
        while True:
            said = await asyncio.wait_for(self.said.get(), 20)
            if said.uri == self.uri(name) and said.version in (None, self.versions[name]):
                return list(said.diagnostics)

    def at(self, name: str, needle: str) -> lsp.Position:
        """Where a stretch of a text begins, counted in UTF-16 by Python's encoder."""
        before = self.texts[name][: self.texts[name].index(needle)]
        return lsp.Position(before.count("\n"), len(before.rpartition("\n")[2].encode("utf-16-le")) // 2)

    def cut(self, name: str, range_: lsp.Range) -> tuple[int, int]:
        """The offsets of a range of UTF-16 columns."""
        lines = self.texts[name].split("\n")
        ends = []
        for place in (range_.start, range_.end):
            line = lines[place.line].encode("utf-16-le")[: 2 * place.character].decode("utf-16-le")
            ends.append(sum(len(one) + 1 for one in lines[: place.line]) + len(line))
        return ends[0], ends[1]

    def shown(self, name: str, range_: lsp.Range) -> str:
        start, end = self.cut(name, range_)
        return self.texts[name][start:end]

    def edited(self, name: str, edits: list[lsp.TextEdit]) -> str:
        text = self.texts[name]
        cuts = [(self.cut(name, edit.range), number, edit.new_text) for number, edit in enumerate(edits)]
        for (start, end), _, new in sorted(cuts, reverse=True):
            text = text[:start] + new + text[end:]
        return text


def scene(play: Callable[[Editor], Awaitable[None]], folder: Path) -> None:
    """Start the server as an editor does, play, and end it as an editor does."""

    async def run() -> None:
        client = LanguageClient("editor", "1")
        editor = Editor(client, folder)
        code = "import sys; sys.argv = ['spacelang', 'lsp', '--stdio']; from spacelang.cli import main; main()"
        await client.start_io(sys.executable, "-c", code)
        answer = await client.initialize_async(
            lsp.InitializeParams(lsp.ClientCapabilities(), root_uri=folder.as_uri(), process_id=None)
        )
        assert answer.capabilities.position_encoding in (None, "utf-16")
        client.initialized(lsp.InitializedParams())
        await play(editor)
        await client.shutdown_async(None)
        client.exit(None)
        await asyncio.wait_for(client._server.wait(), 20)  # type: ignore[union-attr]
        assert client._server.returncode == 0  # type: ignore[union-attr]
        await client.stop()

    asyncio.run(run())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "wide.space").write_text(WIDE, encoding="utf-8")
    return tmp_path


def test_a_broken_file_is_opened_understood_mended_formatted_and_closed(folder: Path) -> None:
    async def play(editor: Editor) -> None:
        client, near = editor.client, editor.document("near.space")

        # Opened: each finding covers the very characters that it is about, behind the foxes too.
        found = {d.code: d for d in await editor.open("near.space", BROKEN)}
        assert editor.shown("near.space", found["E0104"].range) == "["
        assert editor.shown("near.space", found["E0207"].range) == "heds"
        assert "did you mean `heads`?" in found["E0207"].message
        assert found["E0134"].severity == lsp.DiagnosticSeverity.Error

        # Hover and definition, across files.
        hover = await client.text_document_hover_async(lsp.HoverParams(near, editor.at("near.space", "embed")))
        assert hover is not None
        assert isinstance(hover.contents, lsp.MarkupContent)
        assert "The width of every token" in hover.contents.value
        assert hover.range is not None
        assert editor.shown("near.space", hover.range) == "embed"
        there = await client.text_document_definition_async(
            lsp.DefinitionParams(near, editor.at("near.space", "wide.space"))
        )
        assert [place.uri for place in there] == [editor.uri("wide.space")]  # type: ignore[union-attr]

        # Mended: what is offered at `heds`, then all the rest at once.
        wrong = found["E0207"].range
        actions = await client.text_document_code_action_async(
            lsp.CodeActionParams(near, wrong, lsp.CodeActionContext([], only=[lsp.CodeActionKind.QuickFix]))
        )
        (action,) = [a for a in actions or [] if isinstance(a, lsp.CodeAction)]
        assert action.title == "Replace `heds` with `heads`"
        edits = action.edit.changes[near.uri]  # type: ignore[union-attr, index]
        text = editor.edited("near.space", list(edits)).replace("/* 🦊🦊 */ embed = [32]", "embed = 32 # 🦊🦊")
        assert await editor.change("near.space", text) == []

        # Typed on: what fits the scope is offered, and replaces what stands there.
        text = text.replace("heads = 4 } # 🦊", "heads = 4 # 🦊\n  m\n  }")
        await editor.change("near.space", text)
        place = editor.at("near.space", "m\n  }")
        offered = await client.text_document_completion_async(
            lsp.CompletionParams(near, lsp.Position(place.line, place.character + 1))
        )
        items = {item.label: item for item in offered}  # type: ignore[union-attr]
        assert "mlp" in items
        assert "heads" not in items
        assert "depth" not in items
        text = editor.edited("near.space", [items["mlp"].text_edit])  # type: ignore[list-item]
        text = text.replace("mlp\n", "mlp    =   qkv / embed\n")
        assert await editor.change("near.space", text) == []
        names = await client.text_document_definition_async(
            lsp.DefinitionParams(near, editor.at("near.space", "embed\n"))
        )
        (name,) = names  # type: ignore[misc]
        assert editor.shown("near.space", name.range) == "embed"  # type: ignore[union-attr]

        # Formatted, outlined.
        edits = await client.text_document_formatting_async(
            lsp.DocumentFormattingParams(near, lsp.FormattingOptions(2, True))
        )
        text = editor.edited("near.space", list(edits or []))
        assert "    heads = 4   # 🦊\n    mlp   = qkv / embed\n" in text
        assert await editor.change("near.space", text) == []
        outline = await client.text_document_document_symbol_async(lsp.DocumentSymbolParams(near))
        assert [symbol.name for symbol in outline or []] == ["near", "stage 1"]

        # Closed: nothing is said of it any more.
        client.text_document_did_close(lsp.DidCloseTextDocumentParams(near))
        assert await editor.diagnostics("near.space") == []

    scene(play, folder)


def test_a_change_in_one_open_text_is_seen_in_those_made_from_it(folder: Path) -> None:
    async def play(editor: Editor) -> None:
        assert await editor.open("near.space", 'edition 2026\nspace near\nextends "wide.space"\n') == []
        assert await editor.open("wide.space", WIDE) == []
        await editor.change("wide.space", WIDE.replace("classes = 10", "clases = 10"))
        found = await editor.diagnostics("near.space")
        assert [d.code for d in found] == ["E0207"]
        # It is shown at the line that names the other file, and points to the place over there.
        assert editor.shown("near.space", found[0].range) == 'extends "wide.space"'
        assert found[0].related_information is not None
        place = found[0].related_information[0].location
        assert place.uri == editor.uri("wide.space")
        assert editor.shown("wide.space", place.range) == "clases"

    scene(play, folder)


def test_what_cannot_be_renamed_is_refused_with_the_reason(folder: Path) -> None:
    async def play(editor: Editor) -> None:
        client, wide = editor.client, editor.document("wide.space")
        await editor.open("wide.space", WIDE)
        with pytest.raises(JsonRpcException, match="`embed` is a word of the language"):
            await client.text_document_prepare_rename_async(
                lsp.PrepareRenameParams(wide, editor.at("wide.space", "embed"))
            )
        name = editor.at("wide.space", "wide")
        edit = await client.text_document_rename_async(lsp.RenameParams(wide, name, "wider"))
        assert edit is not None
        assert edit.changes is not None
        assert "space wider\n" in editor.edited("wide.space", list(edit.changes[wide.uri]))

    scene(play, folder)
