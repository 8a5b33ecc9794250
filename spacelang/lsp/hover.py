"""What a word under the cursor means, which options it has, how many networks take each, and who said so."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from attrs import frozen

from spacelang.check import compile_text
from spacelang.check.lineage import LineageFile, Loader, lineage
from spacelang.expression import decimal
from spacelang.infix import show
from spacelang.language.dimensions import LAYER_DIMENSIONS, STAGE_DIMENSIONS
from spacelang.language.vocabulary import BLOCKS
from spacelang.language.words import Meaning, meaning
from spacelang.lower.cells import Legal
from spacelang.lower.legal import legal
from spacelang.lower.subset import taken
from spacelang.lsp.context import Context, context
from spacelang.lsp.declared import declarations, told
from spacelang.lsp.definition import path_at
from spacelang.lsp.places import Occurrence, deciding, places, speaking, stages
from spacelang.lsp.usage import networks, using
from spacelang.source import Source, Span
from spacelang.space import Derived, Dimension, Option, Searched, Settled, Space, of_a_stage
from spacelang.syntax import tree
from spacelang.table import listed

_MOST_SHARES = 12  # options that are shown one by one
_DIMENSIONS = STAGE_DIMENSIONS + LAYER_DIMENSIONS


@frozen
class Hover:
    """Markdown about the stretch of text at `span`."""

    span: Span
    markdown: str


def hover(source: Source, offset: int, load: Loader) -> Hover | None:
    """What there is to say about the place at an offset."""
    within = context(source.text, offset)
    if within.quiet:
        return None
    family = lineage(source, load)
    path = path_at(family.members[-1].file, offset)
    if path is not None:
        return _file(path, source, load)
    match = next((m for m in re.finditer(r"\w+(?:\.\d+)?", source.text) if m.start() <= offset <= m.end()), None)
    if match is None:
        return None
    word, span = match.group(), Span(match.start(), match.end())
    within = context(source.text, span.start)
    space = compile_text(source, load).space
    facts = _Facts(family.members, places(family.members), space, _legal(space))
    if word[0].isdigit() and not _is_stage(source, span):
        parts = list(_number(facts, source, span))
    elif (word == "stage" or word[0].isdigit()) and (number := _numbered(source, span)) is not None:
        parts = [_said("stage", Meaning(BLOCKS["stage"])), *_stage(facts, number)]
    elif (known := meaning(word, within.level)) is not None:
        parts = [_said(word, known)]
        if word in (*_DIMENSIONS, "head_dim") and within.level in ("root", "stage", "layer"):
            parts += _dimension(facts, word, within)
        elif word in ("space", "edition") and space is not None:
            parts += [_size(facts)]
    elif space is not None and word == space.name:
        parts = [f"**{word}**: a space", _size(facts)]
    elif (measure := declarations(source, load).get(word)) is not None:
        parts = [f"**{word}**: {told(measure)}"]
    else:
        return None
    return Hover(span, "\n\n".join(parts)) if parts else None


@frozen
class _Facts:
    """What is known of the text: its files, their lines, and, where it has no errors, the space."""

    members: Sequence[LineageFile]
    known: Sequence[Occurrence]
    space: Space | None
    legal: Legal | None

    def stages(self, within: Context) -> tuple[int, ...]:
        """The stages that a place speaks of."""
        return (within.stage,) if within.stage else stages(self.members)

    def origin(self, name: str, stage: int) -> str:
        """Where a dimension is decided, and which line that one replaces."""
        lines = speaking(self.known, name, stage)
        if not lines:
            return "by default"
        inherited = "" if lines[0].source == self.members[-1].source else "inherited from "
        replaced = f", in place of {self._where(lines[1])}" if len(lines) > 1 else ""
        return f"{inherited}{self._where(lines[0])}{replaced}"

    def _where(self, place: Occurrence) -> str:
        file = "" if place.source == self.members[-1].source else f"`{_base(place.source.name)}`, "
        return f"{file}`{place.scope}`, line {place.source.position(place.line.span.start).line}"

    def dimension(self, name: str, stage: int) -> Dimension | None:
        if self.space is None or stage > len(self.space.stages):
            return None
        dimension: Dimension = getattr(self.space.stages[stage - 1], name)
        return dimension


def _legal(space: Space | None) -> Legal | None:
    checked = legal(space) if space is not None else None
    return checked if isinstance(checked, Legal) else None


def _said(word: str, known: Meaning) -> str:
    lines = [f"**{word}**: {known.text}"]
    lines += [f"Unit: {known.unit}."] if known.unit else []
    lines += [f"Values: {known.values}."] if known.values else []
    lines += [f"Default: {known.default}."] if known.default else []
    return "  \n".join(lines)


def _dimension(facts: _Facts, name: str, within: Context) -> Iterator[str]:
    """A dimension in each stage that the place speaks of."""
    rows = []
    for stage in facts.stages(within):
        dimension = facts.dimension(name, stage)
        shown = f"{_options(dimension)}, " if dimension is not None else ""
        rows.append(f"- stage {stage}: {shown}{facts.origin(name, stage)}")
        if facts.legal is not None and name in _DIMENSIONS and not isinstance(dimension, Settled):
            options = taken(facts.legal.stages[stage - 1], name)
            if 1 < len(options) <= _MOST_SHARES:
                rows.append(f"  - of the networks, {_shares(facts.legal, stage, name, options)}")
            elif options:
                rows.append(
                    f"  - {len(options)} different values, from {_option(options[0])} to {_option(options[-1])}"
                )
    if rows:
        yield "\n".join(rows)


def _stage(facts: _Facts, stage: int) -> Iterator[str]:
    """A stage with all its dimensions, and who decides each."""
    if facts.space is None or stage > len(facts.space.stages):
        return
    side = facts.space.frame.side(stage - 1)
    rows = [
        f"- `{name}` {_options(dimension)}, {facts.origin(name, stage)}"
        for name in (*_DIMENSIONS, "head_dim")
        if (dimension := facts.dimension(name, stage)) is not None
    ]
    yield "\n".join([f"- map of {side}×{side} tokens", *rows])


def _number(facts: _Facts, source: Source, span: Span) -> Iterator[str]:
    """An option of a choice, and how many networks take it."""
    place = next(
        (p for p in facts.known if p.source == source and p.line.span.start <= span.start < p.line.span.end), None
    )
    if place is None or facts.legal is None or facts.space is None:
        return
    name, text = place.line.name.text, source.excerpt(span)
    if not isinstance(place.line, tree.Choice) or name not in _DIMENSIONS or not re.fullmatch(r"[\d.]+", text):
        return
    if isinstance(place.line.domain, tree.Range) and place.line.domain.by is not None:
        by = place.line.domain.by.span
        if by is not None and by.start <= span.start < by.end:
            return  # a step is no option
    value = Fraction(text)
    whole = networks(facts.legal)
    rows = []
    for stage in stages(facts.members):
        if deciding(facts.known, name, stage) != place:
            continue
        side = facts.space.frame.side(stage - 1)
        here = Fraction(side) if name == "window" and value > side else value
        count = using(facts.legal, stage, name, here)
        clipped = f", as the whole map of {side}" if here != value else ""
        rows.append(
            f"- stage {stage}: {amount(count)} of {amount(whole)} networks ({_percent(count, whole)}){clipped}"
        )
    if rows:
        own = any(of_a_stage(stage, name) for stage in facts.space.stages)
        kind = "have it" if own else "have a layer with it"
        yield "\n".join([f"`{name}` of {text}: how many networks {kind}", "", *rows])


def _file(path: tree.Identifier, source: Source, load: Loader) -> Hover:
    """The space that another file describes."""
    name = posixpath.normpath(posixpath.join(posixpath.dirname(source.name), path.text))
    other = load(name)
    if not isinstance(other, Source):
        return Hover(path.span, other.message)
    space = compile_text(other, load).space
    if space is None:
        return Hover(path.span, f"`{path.text}` is no whole space: its lines are read, not its meaning")
    found = legal(space)
    size = f": {amount(networks(found))} networks" if isinstance(found, Legal) else ""
    return Hover(path.span, f"**{space.name}**{size}")


def _size(facts: _Facts) -> str:
    return f"{amount(networks(facts.legal))} networks" if facts.legal is not None else ""


def _is_stage(source: Source, span: Span) -> bool:
    return re.search(r"\bstage[ \t]+\Z", source.text[: span.start]) is not None


def _numbered(source: Source, span: Span) -> int | None:
    """The number of the stage whose header lies at a place."""
    match = re.compile(r"stage[ \t]+(\d{1,2})\b").search(source.text, max(0, span.start - 10))
    return int(match.group(1)) if match and match.start() <= span.start <= match.end() else None


def _options(dimension: Dimension | None) -> str:
    match dimension:
        case Settled(value):
            return f"= {_option(value)}"
        case Searched(options, tie):
            return f"in {listed(options)}" + (f", once for the {tie}" if tie else "")
        case Derived(expression):
            return f"= `{show(expression)}`"
        case None:
            return ""


def _shares(legal_: Legal, stage: int, name: str, options: Iterable[Option]) -> str:
    whole = networks(legal_)
    return ", ".join(f"{_percent(using(legal_, stage, name, o), whole)} have {_option(o)}" for o in options)


def _option(option: Option) -> str:
    return option if isinstance(option, str) else decimal(option)


def _percent(count: int, whole: int) -> str:
    share = Fraction(100 * count, whole)
    if 0 < share < Fraction(1, 10):
        return "less than 0.1 %"
    return "more than 99.9 %" if Fraction(999, 10) < share < 100 else f"{decimal(round(share, 1))} %"


def amount(count: int) -> str:
    """A number of networks: to the last digit up to a million, else its order."""
    if count < 10**6:
        return f"{count:,}".replace(",", "\N{NO-BREAK SPACE}")
    power = len(str(count)) - 1
    leading = decimal(round(Fraction(count, 10**power), 1))
    exponent = str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"about {leading} · 10{exponent}"


def _base(name: str) -> str:
    return name.rsplit("/", 1)[-1]
