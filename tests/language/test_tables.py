"""The tables of the grammar are those of the grammar, and say what it says."""

import json
from pathlib import Path

import lark
import pytest

from spacelang.source import Source
from spacelang.syntax import parse, tables
from spacelang.syntax.parse import _lark

ROOT = Path(__file__).resolve().parents[2]
ANEW = 'python -c "from spacelang.syntax import tables; tables.write()"'


def kept() -> dict[str, object]:
    return json.loads(tables.place().read_text(encoding="utf-8"))


def test_the_tables_are_of_the_grammar_as_it_stands() -> None:
    made = json.loads(tables.written(tables.text()))
    assert kept()["grammar"] == made["grammar"], f"the grammar has changed: {ANEW}"
    if kept()["lark"] == lark.__version__:  # another one may number and name otherwise
        assert kept() == made, f"the tables are not those that are made of it: {ANEW}"


def test_the_tables_read_as_the_grammar_itself() -> None:
    read, built = tables.parser(), tables.build(tables.text())
    for path in sorted((ROOT / "spaces").glob("*.space")):
        text = path.read_text(encoding="utf-8")
        assert read.parse(text) == built.parse(text)


@pytest.mark.parametrize("key", ["grammar", "lark"])
def test_tables_of_another_grammar_or_another_lark_are_passed_over(key: str, tmp_path, monkeypatch) -> None:
    other = tmp_path / "space.tables.json"
    other.write_text(json.dumps({**kept(), key: "another", "data": "none"}))
    monkeypatch.setattr(tables, "place", lambda: other)
    _lark.cache_clear()
    assert parse(Source("a", "edition 2026\nspace a\n")).whole
    _lark.cache_clear()
