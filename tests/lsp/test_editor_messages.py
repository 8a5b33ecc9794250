"""What no editor sends: the service answers with an error, and goes on."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spacelang.lsp.messages import MOST_BYTES, Messages, framed


def message(asked: int | None, method: str, params: Any) -> bytes:
    said = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if asked is None else {"id": asked})
    return framed(json.dumps(said).encode())


def hover(asked: int, uri: object) -> bytes:
    place = {"line": 0, "character": 0}
    return message(asked, "textDocument/hover", {"textDocument": {"uri": uri}, "position": place})


def answers(folder: Path, *sent: bytes) -> dict[int | None, dict[str, Any]]:
    """What the service answers, by the numbers of the requests."""
    begin = message(0, "initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}})
    end = message(99, "shutdown", None) + message(None, "exit", None)
    stream = b"".join((begin, message(None, "initialized", {}), *sent, end))
    command = [sys.executable, "-m", "spacelang", "lsp", "--stdio"]
    ended = subprocess.run(command, input=stream, capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr.decode()
    found: dict[int | None, dict[str, Any]] = {}
    rest = ended.stdout
    while rest:
        header, _, rest = rest.partition(b"\r\n\r\n")
        size = int(re.search(rb"Content-Length: (\d+)", header)[1])  # type: ignore[index]
        said, rest = json.loads(rest[:size]), rest[size:]
        if "method" not in said:
            found[said["id"]] = said
    assert 99 in found, "it did not live to the end"
    return found


def test_what_is_not_open_is_read_where_it_is_a_file_of_text_and_refused_otherwise(tmp_path: Path) -> None:
    (tmp_path / "a.space").write_text("edition 2026\nspace a\n")
    (tmp_path / "large.space").write_bytes(bytes(5_000_000))
    (tmp_path / "picture.space").write_bytes(b"\xff\xd8\xff")
    told = answers(
        tmp_path,
        hover(1, (tmp_path / "a.space").as_uri()),
        hover(2, "file:///dev/zero"),
        hover(3, (tmp_path / "large.space").as_uri()),
        hover(4, (tmp_path / "picture.space").as_uri()),
        hover(5, (tmp_path / "nowhere.space").as_uri()),
        hover(6, "untitled:nothing"),
    )
    assert "edition" in str(told[1]["result"])
    for number, reason in enumerate(["no file", "too large", "not UTF-8", "no file", "no file"], 2):
        assert told[number]["error"]["code"] == -32602
        assert reason in told[number]["error"]["message"]


def test_wrong_parameters_get_an_error_and_the_next_request_its_answer(tmp_path: Path) -> None:
    (tmp_path / "a.space").write_text("edition 2026\nspace a\n")
    uri = (tmp_path / "a.space").as_uri()
    wrong = [
        hover(1, 5),
        message(2, "textDocument/hover", None),
        message(3, "textDocument/rename", {"textDocument": {"uri": uri}, "position": {"line": "x"}, "newName": 3}),
        message(4, "textDocument/codeAction", []),
    ]
    told = answers(tmp_path, *wrong, message(None, "textDocument/didOpen", {"textDocument": 7}), hover(5, uri))
    for number in range(1, 5):
        assert told[number]["error"]["code"] in (-32602, -32600)
    assert "result" in told[5]


def test_neither_a_length_beyond_all_nor_what_is_no_json_ends_the_service(tmp_path: Path) -> None:
    (tmp_path / "a.space").write_text("edition 2026\nspace a\n")
    asked = hover(1, (tmp_path / "a.space").as_uri())
    told = answers(
        tmp_path,
        b"Content-Length: 99999999999999\r\n\r\n{}",
        b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        framed(b"[" * 100_000),
        framed(b"\xff\xfe"),
        framed(b"[1, 2]"),
        framed(b'{"jsonrpc": "2.0", "id": {}, "method": "textDocument/hover"}'),
        asked,
    )
    assert "result" in told[1]
    assert told[None]["error"]["code"] in (-32700, -32600)


def read(*parts: bytes) -> tuple[list[bytes], list[dict[str, Any]]]:
    """What of a stream is passed on, and the errors that answer the rest."""
    said: list[bytes] = []
    stream = Messages(io.BytesIO(b"".join(parts)), lambda message: None, said.append)
    passed = []
    while header := stream.readline():
        assert stream.readline() == b"\r\n"
        passed.append(stream.read(int(header.split()[1])))
    return passed, [json.loads(one.partition(b"\r\n\r\n")[2]) for one in said]


ONE, TWO = b'{"jsonrpc":"2.0","id":1}', b'{"jsonrpc":"2.0","id":2}'


def test_what_can_be_served_is_passed_on_as_it_came() -> None:
    assert read(framed(ONE), framed(TWO)) == ([ONE, TWO], [])


@pytest.mark.parametrize(
    "header", [f"Content-Length: {MOST_BYTES + 1}\r\n\r\n", "Content-Length: x\r\n\r\n", "nonsense\r\n"]
)
def test_a_header_that_means_nothing_is_passed_over(header: str) -> None:
    passed, errors = read(header.encode(), ONE, framed(TWO))
    assert passed == [TWO]
    assert len(errors) == (str(MOST_BYTES + 1) in header)


def test_other_headers_are_read_over_and_a_stream_that_breaks_off_has_ended() -> None:
    typed = framed(ONE).replace(b"\r\n", b"\r\nContent-Type: application/vscode-jsonrpc\r\n", 1)
    assert read(typed, framed(TWO)[:-1]) == ([ONE], [])
