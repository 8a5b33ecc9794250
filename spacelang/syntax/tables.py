"""The parser of the grammar: its tables are kept beside the grammar as data, since reading them takes a tenth of
the time that building takes.

After the grammar has changed, `python -c "from spacelang.syntax import tables; tables.write()"` writes
`grammars/space.tables.json` anew. Tables of another grammar, or of another version of lark, whose form may differ,
are passed over, and the parser is built.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import lark
from lark import Lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from spacelang import resources

_START = "file"


def parser() -> Lark:
    """The parser of the grammar, from its tables where they are of this grammar and this lark."""
    grammar = text()
    kept = json.loads(place().read_text(encoding="utf-8"))
    if kept["grammar"] != _digest(grammar) or kept["lark"] != lark.__version__:
        return build(grammar)
    table = kept["data"]["parser"]["parser"]
    table["tokens"] = _numbered(table["tokens"])
    table["states"] = {int(state): _numbered(actions) for state, actions in table["states"].items()}
    return Lark.load({"data": kept["data"], "memo": _numbered(kept["memo"])})


def build(grammar: str) -> Lark:
    """The parser of a grammar, from its text."""
    return Lark(grammar, parser="lalr", lexer="basic", start=_START, propagate_positions=True)


def written(grammar: str) -> str:
    """The tables of a grammar as JSON, the same ones at every time: lark numbers states and tokens by chance, so
    they are numbered anew, states in the order in which they are reached."""
    data, memo = build(grammar).memo_serialize([TerminalDef, Rule])
    table = data["parser"]["parser"]
    tokens = sorted(table["tokens"].values())
    states = {
        state: sorted((table["tokens"][token], action) for token, action in actions.items())
        for state, actions in table["states"].items()
    }
    order = [table["start_states"][_START]]
    for state in order:  # which grows
        order += [to for _, (reduce, to) in states[state] if not reduce and to not in order]
    number = {state: n for n, state in enumerate(order)}
    table["tokens"] = dict(enumerate(tokens))
    table["states"] = {
        number[state]: {
            tokens.index(token): (reduce, to if reduce else number[to]) for token, (reduce, to) in states[state]
        }
        for state in order
    }
    for ends in ("start_states", "end_states"):
        table[ends] = {name: number[state] for name, state in table[ends].items()}
    kept = {"grammar": _digest(grammar), "lark": lark.__version__, "data": data, "memo": memo}
    return json.dumps(kept, separators=(",", ":")) + "\n"


def write() -> None:
    """Put the tables of the grammar beside it."""
    place().write_text(written(text()), encoding="utf-8")


def text() -> str:
    """The grammar."""
    return (resources.folder("grammars") / "space.lark").read_text(encoding="utf-8")


def place() -> Path:
    """Where the tables lie."""
    return resources.folder("grammars") / "space.tables.json"


def _digest(grammar: str) -> str:
    return sha256(grammar.encode()).hexdigest()


def _numbered(found: dict[str, Any]) -> dict[int, Any]:
    """JSON has texts for keys, where lark has numbers."""
    return {int(key): value for key, value in found.items()}
