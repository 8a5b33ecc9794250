"""What may be typed at a place: the words of its scope that are not said there yet, and the values of a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from attrs import frozen

from spacelang.check.head import EDITIONS
from spacelang.check.lineage import Loader, nothing
from spacelang.language.dimensions import KNOWN, LAYER_DIMENSIONS, STAGE_DIMENSIONS, domain
from spacelang.language.domain import OneOf, SumOf
from spacelang.language.measures import MEASURES, TIMES
from spacelang.language.trunk import SETTINGS
from spacelang.language.vocabulary import BLOCKS, KEYWORDS, VALUES
from spacelang.language.words import NAMES, TABLE, Meaning
from spacelang.lsp.context import Context, context
from spacelang.lsp.declared import declarations, told
from spacelang.source import Source, Span

Kind = Literal["name", "block", "word", "value", "file"]

_VALUES: Mapping[str, tuple[str, ...]] = {
    word.name: word.domain.words
    for words in TABLE.values()
    for word in words
    if isinstance(word.domain, OneOf | SumOf)
}
_WORD = re.compile(r'#[^\n]*|"[^"\n]*"?|[{}\n]|\w+')
_HEADS: Mapping[str, tuple[str, ...]] = {
    "root": ("each stage", "stage", "each layer", "train", "evolve", "refine"),
    "stage": ("each layer",),
    "evolve": ("mutate",),
    "refine": ("steps",),
}


_EXPRESSIBLE = {name: NAMES["root"][name] for name in (*STAGE_DIMENSIONS, *LAYER_DIMENSIONS)}  # in rules


@frozen
class Completion:
    """Something that may stand at a place. span: what of the text it replaces."""

    label: str
    kind: Kind
    detail: str
    span: Span


def completion(
    source: Source, offset: int, files: Sequence[str] = (), load: Loader = nothing
) -> tuple[Completion, ...]:
    """What may be typed at an offset. files: the paths of other spaces, as this text would write them. load: how
    the texts that it extends are had."""
    text = source.text
    within = context(text, offset)
    if within.quiet:
        return ()
    if within.quoted is not None:
        said = re.search(r"\b(extends|narrows)[ \t]*\Z", text[within.start : within.quoted - 1])
        at = Span(within.quoted, offset)
        return tuple(Completion(name, "file", "", at) for name in files) if said else ()
    typed = re.search(r"\w*\Z", text[within.start : offset])
    start = offset - len(typed.group()) if typed else offset
    if text[start:offset][:1].isdigit():
        return ()
    return tuple(
        Completion(label, kind, detail, Span(start, offset))
        for label, kind, detail in _offered(source, within, text[within.start : start], load)
    )


_Offer = tuple[str, Kind, str]


def _offered(source: Source, within: Context, before: str, load: Loader) -> Iterator[_Offer]:
    """before: what of the statement stands before the word that is typed."""
    text, words = source.text, before.split()
    if re.search(r"\d\Z|\.\.\Z", before) or within.level == "unknown":
        return
    if re.search(r"\bprevious\s*\.\s*\Z", before):
        yield from _names({**NAMES["stage"], **NAMES["layer"]})
        return
    match words:
        case []:
            yield from _statements(text, within)
        case ["edition"]:
            yield from ((str(edition), "value", KEYWORDS["edition"]) for edition in EDITIONS)
        case ["each"]:
            yield from (
                (head.removeprefix("each "), "block", BLOCKS[head.removeprefix("each ")])
                for head in _HEADS.get(within.level, ())
                if head.startswith("each ")
            )
        case ["require", "each"] if within.level in ("root", "stage"):
            yield from ((level, "word", BLOCKS[level]) for level in ("stage", "layer"))
        case ["require"] if within.level in ("root", "stage"):
            yield "each", "word", KEYWORDS["each"]
            yield from ((word, "word", VALUES[word]) for word in ("sum", "count"))
        case ["require", *_] if within.level in ("train", "evolve", "refine"):
            known = [one for one in MEASURES if within.level == "evolve" or one.name not in TIMES]
            own = declarations(source, load) if within.level == "evolve" else {}
            offers = [(one.name, one.meaning) for one in known] + [(name, told(one)) for name, one in own.items()]
            yield from ((name, "name", meaning) for name, meaning in sorted(offers))
            yield from ((word, "word", VALUES[word]) for word in ("sum", "count"))
        case ["require", "each", level, *_] if ":" in before:
            yield from _expression(_EXPRESSIBLE, before)
            if level.startswith("stage"):
                yield "previous", "word", VALUES["previous"]
                yield from ((word, "word", VALUES[word]) for word in ("sum", "count"))
        case ["require", *_] if within.level in ("root", "stage") and re.search(r"\b(sum|count)\b", before):
            yield from _expression(_EXPRESSIBLE, before)
        case [name, *_] if re.match(r"\s*\w+\s*(=|in\b)", before):
            yield from _value(name, within, before)


def _statements(text: str, within: Context) -> Iterator[_Offer]:
    """What a statement may begin with, less the names that the block around it says already."""
    said = _said(text, within)
    if within.level == "root":
        yield from ((word, "word", KEYWORDS[word]) for word in ("edition", "space") if word not in said)
        yield "measure", "word", KEYWORDS["measure"]
        if not said & {"extends", "narrows"}:
            yield from ((word, "word", KEYWORDS[word]) for word in ("extends", "narrows"))
    yield from _names(
        {n: m for n, m in (NAMES[within.level] if within.level != "unknown" else {}).items() if n not in said}
    )
    for head in _HEADS.get(within.level, ()):
        if head == "stage" or head.split()[-1] not in said - {"stage"}:
            shown = f"stage {1 + _stages(text)}" if head == "stage" else head
            yield shown, "block", BLOCKS[head.split()[-1]]
    if within.level in ("root", "stage", "train", "evolve", "refine"):
        yield "require", "word", KEYWORDS["require"]


def _said(text: str, within: Context) -> set[str]:
    """The words with which the other statements of the block around a place begin; of `each …`, the second word."""
    said: set[str] = set()
    depth, begins = 0, True
    for match in _WORD.finditer(text, within.body):
        word = match.group()
        match word[0]:
            case "{":
                depth += 1
            case "}" if depth == 0:
                break
            case "}":
                depth, begins = depth - 1, True
            case "\n":
                begins = True
            case "#" | '"':
                pass
            case _ if begins and depth == 0:
                begins = word == "each"
                if not text[within.start : match.start()].isspace() and match.start() != within.start:
                    said.add(word)
    return said - {"each"}


def _stages(text: str) -> int:
    return max((int(number) for number in re.findall(r"(?m)^[ \t]*stage[ \t]+(\d{1,2})\b", text)), default=0)


def _value(name: str, within: Context, before: str) -> Iterator[_Offer]:
    """What the value of a name may be, or the options of a choice."""
    if name in _VALUES:
        yield from ((word, "value", VALUES.get(word, "The class token.")) for word in _VALUES[name])
        return
    if within.level not in ("root", "stage", "layer"):
        return
    searched = re.match(r"\s*\w+\s+in\b", before) is not None
    if name in KNOWN and domain(name).word and not re.search(r"[-+*/%(]\s*\Z|\.\.", before):
        yield domain(name).word or "", "value", VALUES["global"]
    if searched and re.search(r"\d\s+\Z|\w\s+\Z", before) and ".." in before and "step" not in before:
        yield "step", "word", KEYWORDS["step"]
        return
    if within.level == "layer" and not searched:
        known = {**NAMES["stage"], **NAMES["layer"]}
        yield from _expression({n: m for n, m in known.items() if n != name}, before)
    elif within.level != "root":
        yield from _expression({}, before)
        if not searched:
            yield "previous", "word", VALUES["previous"]


def _expression(names: Mapping[str, Meaning], before: str) -> Iterator[_Offer]:
    """Names where an operand is expected; the words that join conditions where one has ended."""
    if re.search(r"[\w)]\s+\Z", before) and not re.search(r"\b(and|or|not|in|step)\s+\Z", before):
        if "require" in before:
            yield from ((word, "word", KEYWORDS[word]) for word in ("and", "or"))
        return
    yield from _names(names)
    yield from ((name, "name", NAMES["root"][name].text) for name in SETTINGS)
    yield from ((word, "word", VALUES[word]) for word in ("min", "max"))


def _names(known: Mapping[str, Meaning]) -> Iterable[_Offer]:
    for name, what in known.items():
        unit = f" ({what.unit})" if what.unit else ""
        yield name, "name", f"{what.text}{unit}"
