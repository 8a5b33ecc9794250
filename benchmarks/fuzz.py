"""Damaged and hostile files at every door: `python benchmarks/fuzz.py --cases 20000 [FORMAT …]`.

A small run is trained and searched, its best network exported; then each file that it has left, and one of every
other kind that is read, is spoiled by chance, with a fixed seed, and read as the commands read it. What a door may
raise is what a command tells in one line; anything else is a finding, and so is a case that takes more than 2 s or
300 MB. A table by format is printed as JSON; a finding ends the script with 1.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

ROOT = Path(__file__).resolve().parents[1]
SLOW, LARGE = 2.0, 300  # seconds of a processor, MB: beyond them a case is a finding
PATIENCE = 10  # seconds, after which a case is broken off
NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**12, 10**20, 10**30, -(10**12), 0.5, 1e-300, 1e300, 3.7),
    *(float("nan"), float("inf"), float("-inf"), "", " ", "7/2", "1/0", "1e999", "nan", "global", "\0", "é", "-1"),
    *("x" * 10_000, "9" * 500, [], {}, [None], {"": None}, [[]], ["a"] * 1000, [0] * 1000, {"is": "name"}),
)
RAW = (
    *(b"\0", b"\xff", b"{", b"[", b'"', b"9" * 5000, b"[" * 100_000, b'{"a":' * 100_000, b"1e99999999999999999999"),
    *(b"-0", b"NaN", b"\xef\xbb\xbf", b"\r", b"'", b"null", b"1e-99999999999999999999", b"..", b"=", b"require "),
)


class TooLong(BaseException):
    """A case has taken longer than anybody waits."""


@frozen
class Door:
    """Where a file is read. path: of the file. read: as a command does; gives nothing. spoil: what is read in the
    place of the whole file."""

    path: Path
    read: Callable[[], object]
    spoil: Callable[[bytes, random.Random], bytes] = lambda whole, luck: spoil(whole, luck)


@define
class Counts:
    """How a format went. findings: what was raised, with the first case of each kind."""

    cases: int = 0
    refused: int = 0
    slowest: float = 0.0
    megabytes: float = 0.0
    findings: dict[str, str] = field(factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*")
    parser.add_argument("--cases", type=int, default=20_000, help="of each format")
    parser.add_argument("--into", help="a folder for the run, made before or now (default: one that is removed)")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(Path(asked.into or folder), asked.cases, asked.seed, asked.formats)
    table = {name: {k: v for k, v in _plain(counts).items() if k != "findings"} for name, counts in found.items()}
    print(json.dumps(table, indent=2))
    raise SystemExit(any(counts.findings for counts in found.values()))


def fuzz(folder: Path, cases: int, seed: int = 0, formats: list[str] | None = None) -> dict[str, Counts]:
    """Spoil the file of each format so many times, and read it. folder: where the files are made."""
    from fuzzed.doors import doors

    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    with chdir(folder):
        made = doors()
        if unknown := set(formats or ()) - set(made):
            raise SystemExit(f"no format {', '.join(unknown)}; there are {', '.join(made)}")
        for name in formats or made:
            found[name] = tried(made[name], cases, random.Random(f"{seed} {name}"))
            print(json.dumps({name: _plain(found[name])}), file=sys.stderr, flush=True)
    return found


def tried(door: Door, cases: int, luck: random.Random) -> Counts:
    """How a door answers to so many spoiled files. The whole file is read first: it must be right."""
    counts, whole = Counts(), door.path.read_bytes()
    with hushed():
        door.read()
    for number in range(cases):
        spoiled = door.spoil(whole, luck)
        door.path.write_bytes(spoiled)
        counts.cases += 1
        size, began = _peak(), time.process_time()
        finding = ""
        try:
            with hushed(), limited(PATIENCE):
                door.read()
        except known() as reason:
            counts.refused += not (isinstance(reason, SystemExit) and reason.code in (0, None))
        except (Exception, TooLong) as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            finding = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}: {str(error)[:100]}"
        took, grown = time.process_time() - began, _peak() - size
        counts.slowest, counts.megabytes = max(counts.slowest, took), max(counts.megabytes, grown)
        if not finding and (took > SLOW or grown > LARGE):
            finding = f"{took:.1f} s and {grown:.0f} MB"
        if finding and finding not in counts.findings:
            kept = Path(tempfile.gettempdir()) / f"spacelang-fuzz-{door.path.name}-{number}"
            kept.write_bytes(spoiled)
            counts.findings[finding] = str(kept)
    door.path.write_bytes(whole)
    return counts


def spoil(whole: bytes, luck: random.Random) -> bytes:
    """A file with something wrong in it: a value of its JSON that is another, or bytes that are."""
    if luck.random() < 0.6:
        try:
            value = json.loads(whole)
        except (ValueError, RecursionError):
            pass
        else:
            for _ in range(luck.choice((1, 1, 1, 2, 5))):
                value = changed(value, luck)
            try:
                return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
            except (ValueError, RecursionError):
                return whole
    for _ in range(luck.choice((1, 1, 1, 2, 8))):
        at = luck.randrange(len(whole) + 1)
        to = min(len(whole), at + int(luck.expovariate(0.05)))
        match luck.randrange(6):
            case 0:
                whole = whole[:at] + bytes([luck.randrange(256)]) + whole[at + 1 :]
            case 1:
                whole = whole[:at]
            case 2:
                whole = whole[:at] + whole[to:]
            case 3:
                whole = whole[:to] + whole[at:to] + whole[to:]
            case 4:
                whole = whole[:at] + luck.choice(RAW) + whole[to:]
            case 5 if at < len(whole):
                whole = whole[:at] + bytes([whole[at] ^ (1 << luck.randrange(8))]) + whole[at + 1 :]
    return whole


def changed(value: Any, luck: random.Random) -> Any:
    """The value with one of its parts, however deep, replaced, left out, or said under another name."""
    if isinstance(value, dict | list) and value and luck.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = luck.choice(keys)
        made: Any = dict(value) if isinstance(value, dict) else list(value)
        match luck.randrange(12):
            case 0:
                del made[key]
            case 1 if isinstance(made, dict):
                made[luck.choice((*map(str, keys), "unknown", ""))] = made.pop(key)
            case 2 if isinstance(made, list):
                made = made * luck.choice((2, 50))
            case _:
                made[key] = changed(value[key], luck)
        return made
    return luck.choice(NASTY)


@contextmanager
def hushed() -> Iterator[None]:
    """Inside, what is printed is not shown."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        yield


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raises `TooLong` where what happens inside takes longer."""

    def stop(*_: object) -> None:
        raise TooLong

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def known() -> tuple[type[BaseException], ...]:
    """What a door may raise: each is told to a user in one line."""
    from spacelang.lower.too_large import TooLarge
    from spacelang_runtime.failure import Failure

    return Failure, TooLarge, SystemExit


def _peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _plain(counts: Counts) -> dict[str, Any]:
    return {
        "cases": counts.cases,
        "refused": counts.refused,
        "slowest, s": round(counts.slowest, 3),
        "most, MB": round(counts.megabytes),
        "findings": counts.findings,
    }


if __name__ == "__main__":
    main()
