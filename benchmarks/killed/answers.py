"""What a command has left in a folder, without what may differ between two times: clocks, and the names of runs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from killed.child import CACHE

# Of JSON, of checkpoints and of tables: when, how long.
CLOCKS = {"at", "began", "created", "ended", "elapsed", "seconds", "waited", "versions", "images_a_second"}
SKIPPED = re.compile(r"(.*/)?(tensorboard|trace)/.*|(.*/)?(lock|launch)|.*\.sqlite-(shm|wal)")
TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(\+00:00|Z)?|\d+ min \d\d s|\b[\d.]+ m?s\b")
CLOCKED = re.compile(rf'("(?:{"|".join(sorted(CLOCKS))})"): *-?[\d.e+-]+')  # JSON inside of a text
RUN = re.compile(r"\b[a-z][\w-]*-\d+\b")


def answer(folder: Path) -> dict[str, Any]:
    """All files of a folder by name, each as a value to compare. Runs that have learned nothing are left out: a
    command that is killed before its first checkpoint leaves them, and nobody takes them."""
    names = _names(folder)
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        inside = str(path.relative_to(folder))
        if SKIPPED.fullmatch(inside) or inside.startswith(f"{CACHE}/"):
            continue
        renamed = _renamed(inside, names)
        if inside.startswith("runs/") and not _counts(inside.split("/")[1], folder, names):
            continue
        found[renamed] = _value(path, names)
    return found


def journals(folder: Path) -> dict[str, int]:
    """On how many images each run's journal holds each network, by both names; that they are whole is seen on the
    way."""
    known: dict[str, int] = {}
    for path in sorted(folder.rglob("journal.sqlite")):
        with contextlib.closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",), path
            if database.execute("PRAGMA user_version").fetchone()[0]:
                for name, images in database.execute("SELECT architecture, images FROM score"):
                    key = f"{path.parent.name}/{name}"
                    known[key] = min(images, known.get(key, images))
    return known


def _names(folder: Path) -> dict[str, str]:
    """The runs that have learned something, by name, with the name that each would have if there were no others."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in (folder / "runs").glob("*/run.json"):
        if (path.parent / "checkpoint.pt").exists():
            stem = path.parent.name.rpartition("-")[0]
            found.setdefault(stem, []).append((json.loads(path.read_text())["created"], path.parent.name))
    return {
        name: f"{stem}-{number}"
        for stem, runs in found.items()
        for number, (_, name) in enumerate(sorted(runs), start=1)
    }


def _counts(name: str, folder: Path, names: Mapping[str, str]) -> bool:
    return name in names or not re.fullmatch(r".*-\d+", name)


def _renamed(text: str, names: Mapping[str, str]) -> str:
    return RUN.sub(lambda match: names.get(match[0], match[0]), text)


def _value(path: Path, names: Mapping[str, str]) -> Any:
    match path.suffix:
        case ".pt":
            import torch

            kept = torch.load(path, weights_only=True)
            return _bare(kept, names)
        case ".safetensors" | ".png":
            return hashlib.sha256(path.read_bytes()).hexdigest()
        case ".sqlite":
            return _bare(dict(_tables(path)), names)
        case ".json":
            return _bare(json.loads(path.read_text(encoding="utf-8")), names)
        case ".jsonl":
            lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
            return _bare([line for line in lines if line["what"] == "measured"], names)
        case _:
            return _timeless(_renamed(path.read_bytes().decode("utf-8", "replace"), names))


def _tables(path: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            rows = [dict(row) for row in database.execute(f"SELECT * FROM {name}")]
            yield name, sorted(rows, key=lambda row: [str(v) for k, v in row.items() if k not in CLOCKS])


def _bare(value: Any, names: Mapping[str, str]) -> Any:
    """A value without what may differ; tensors as their digests."""
    match value:
        case {
            "entries": {**entries},
            "timings": _,
        }:  # a table of latencies: of these blocks, however fast they were
            return sorted(entries)
        case dict():
            return {
                _renamed(key, names) if isinstance(key, str) else key: _bare(one, names)
                for key, one in value.items()
                if key not in CLOCKS
            }
        case list() | tuple():
            return [_bare(one, names) for one in value]
        case str():
            return _timeless(_renamed(value, names))
        case bytes():
            return hashlib.sha256(value).hexdigest()
        case _ if hasattr(value, "numpy"):
            return hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest()
        case _:
            return value


def _timeless(text: str) -> str:
    return CLOCKED.sub(r"\1: CLOCK", TIMES.sub("TIME", text))


def differences(one: Any, other: Any, at: str = "") -> list[str]:
    """Where two answers differ, in words: the first few places."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = [
            f"{at}/{key}: only there {'before' if key in one else 'after'}" for key in one.keys() ^ other.keys()
        ]
        for key in sorted(one.keys() & other.keys(), key=str):
            found += differences(one[key], other[key], f"{at}/{key}")
        return found[:5]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [line for place, pair in pairs for line in differences(*pair, f"{at}/{place}")][:5]
    if (before := str(one)) == (after := str(other)):
        return []
    pairs = enumerate(zip(before, after, strict=False))
    start = max(0, next((place for place, pair in pairs if pair[0] != pair[1]), 0) - 30)
    return [f"{at}: {before[start : start + 100]} | {after[start : start + 100]}"]
