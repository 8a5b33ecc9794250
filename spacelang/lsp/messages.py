"""What comes from an editor, looked at before the protocol's library has it: what it would stumble over is answered
with an error, as the protocol asks, and the next message is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, BinaryIO

from attrs import define, frozen

MOST_BYTES = 64 << 20  # of a message: texts are small
_LINE = 1 << 16
_LENGTH = re.compile(rb"Content-Length: *(\d+)\r?\n$", re.IGNORECASE)
_PARSE_ERROR, _INVALID_REQUEST, INVALID_PARAMS = -32700, -32600, -32602


@frozen
class Wrong:
    """A message that cannot be served: the number that it asked under, where it did, and why."""

    asked: Any
    code: int
    reason: str


@define
class Messages:
    """A stream of messages in the place of standard input: those alone that can be served.

    understood: raises ValueError where a request or a notification has wrong parameters. answer: takes an answer to
    what is left out.
    """

    source: BinaryIO
    understood: Callable[[dict[str, Any]], object]
    answer: Callable[[bytes], object]
    _waiting: bytes = b""

    def readline(self) -> bytes:
        """The next line of a header; empty where the stream has ended."""
        if not self._waiting:
            self._waiting = self._next()
        line, end, self._waiting = self._waiting.partition(b"\n")
        return line + end

    def read(self, count: int) -> bytes:
        """The next bytes of a body."""
        part, self._waiting = self._waiting[:count], self._waiting[count:]
        return part

    def _next(self) -> bytes:
        """The next message that can be served, with its header; empty where the stream has ended."""
        while (body := body_of(self.source)) is not None:
            wrong = body if isinstance(body, Wrong) else found_wrong(body, self.understood)
            if wrong is None:
                return framed(body)  # type: ignore[arg-type]
            if wrong.asked is not None or wrong.code != INVALID_PARAMS:
                error = {"code": wrong.code, "message": wrong.reason}
                said = {"jsonrpc": "2.0", "id": wrong.asked, "error": error}
                self.answer(framed(json.dumps(said).encode()))
        return b""


def body_of(source: BinaryIO) -> bytes | Wrong | None:
    """The body of the next message; None where the stream has ended.

    A header that announces more than a message has is passed over, with all that follows it up to the next one.
    """
    while line := source.readline(_LINE):
        if not (match := _LENGTH.search(line)):
            continue
        if len(match[1]) > 9 or int(match[1]) > MOST_BYTES:
            return Wrong(None, _INVALID_REQUEST, f"a message has at most {MOST_BYTES} bytes")
        while source.readline(_LINE).strip():  # other headers
            pass
        body = source.read(int(match[1]))
        return body if len(body) == int(match[1]) else None
    return None


def found_wrong(body: bytes, understood: Callable[[dict[str, Any]], object]) -> Wrong | None:
    """Why a message cannot be served; None where it can."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as reason:
        return Wrong(None, _PARSE_ERROR, f"the message is not JSON: {reason}")
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return Wrong(None, _INVALID_REQUEST, "a message is an object of JSON-RPC 2.0")
    asked = message.get("id")
    if not isinstance(asked, int | str | None) or isinstance(asked, bool):
        return Wrong(None, _INVALID_REQUEST, "the id of a message is a number or a text")
    if "method" not in message:
        return None  # an answer
    if not isinstance(message["method"], str):
        return Wrong(asked, _INVALID_REQUEST, "the method of a message is a text")
    try:
        understood(message)
    except ValueError as reason:
        return Wrong(asked, INVALID_PARAMS, f"{message['method']}: {reason}")
    return None


def framed(body: bytes) -> bytes:
    """A body behind its header."""
    return b"Content-Length: %d\r\n\r\n" % len(body) + body
