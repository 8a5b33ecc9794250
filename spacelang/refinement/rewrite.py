"""The text of a space with some of its options changed: the same lines and comments, but for what moved.
 A line that speaks for one stage, or for several whose options all become the same, is changed where it stands.
One that speaks for stages of which only some move, or that stands in a file that this one extends, keeps what it
says, and the stages that move get a nearer line of their own. What every changed line rests on stands behind it
as a comment; a comment that was there stays, below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from attrs import frozen

from spacelang.expression import Number, decimal
from spacelang.source import Source
from spacelang.space import Searched, Space, of_a_stage
from spacelang.syntax.format import laid_out
from spacelang.syntax.pieces import Lexeme, Node, SourceBlock, SourceLine, pieces

MARK = "# refine "  # what the comments behind moved lines begin with

Place = tuple[int, str]  # stage (from 1; 0: the network) and dimension


@frozen
class Changed:
    """What a dimension of a stage is to become. evidence: the comment behind its line."""

    options: tuple[Number, ...]
    evidence: str


def rewritten(source: Source, space: Space, changes: Mapping[Place, Changed], name: str) -> str:
    """The text of `space`, which was compiled from `source`, with these changes and another name, in canonical
    layout."""
    nodes = pieces(source)
    _rename(nodes, name)
    for places, line in _lines(space, changes):
        here = [changes[place] for place in places if place in changes]
        shared = line is not None and len(here) == len(places) and len({one.options for one in here}) == 1
        if shared and line is not None:
            _replace(_found(nodes, source, line), [one.evidence for one in here], here[0].options)
        else:
            for place in places:
                if place in changes:
                    _insert(nodes, place, changes[place], space)
    return laid_out(nodes)


def next_name(name: str) -> str:
    """`mini_2` after `mini`, `mini_3` after `mini_2`."""
    match = re.fullmatch(r"(.*)_([1-9][0-9]{0,5})", name)
    return f"{match[1]}_{int(match[2]) + 1}" if match else f"{name}_2"


def _lines(space: Space, changes: Mapping[Place, Changed]) -> Iterator[tuple[list[Place], int | None]]:
    """The lines that decide what changes: the offset of each in this text, None where it is in another file; with
    all stages for which it speaks."""
    deciding: dict[tuple[str, object], list[Place]] = {}
    for number, stage in enumerate(space.stages, 1):
        for dimension in {dimension for _, dimension in changes}:
            searched = getattr(stage, dimension)
            if isinstance(searched, Searched) and searched.span is not None:
                key = (dimension, (searched.span.source, searched.span.start))
                place = (0 if searched.tied == "network" else number, dimension)
                if place not in deciding.setdefault(key, []):
                    deciding[key].append(place)
    for places in deciding.values():
        if any(place in changes for place in places):
            first, dimension = places[0]
            span = _searched(space, first, dimension).span
            assert span is not None, "these have places"
            yield places, span.start if span.source is None else None


def _searched(space: Space, stage: int, dimension: str) -> Searched:
    """What is searched in a stage, or in the network where that is 0."""
    own = space.stages[stage - 1 : stage] if stage else space.stages
    every = (getattr(one, dimension) for one in own)
    return next(d for d in every if isinstance(d, Searched) and (stage or d.tied == "network"))


def _rename(nodes: Sequence[Node], name: str) -> None:
    """Give the space another name. One that narrowed another space now extends it: what moves may leave it."""
    for node in nodes:
        match node:
            case SourceLine(pieces=[Lexeme(text="space"), *_]):
                node.pieces[:] = _pieces(f"space {name}")
            case SourceLine(pieces=[Lexeme(text="narrows"), path]):
                node.pieces[:] = _pieces(f"extends {path.text}")


def _found(nodes: Sequence[Node], source: Source, offset: int) -> SourceLine:
    """The line of the text that begins at an offset."""
    at = source.position(offset)
    return next(
        node
        for node in _all(nodes)
        if isinstance(node, SourceLine) and (node.pieces[0].line, node.pieces[0].column) == (at.line, at.column)
    )


def _all(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        if isinstance(node, SourceBlock):
            yield from _all(node.body)


def _replace(line: SourceLine, evidence: Sequence[str], options: tuple[Number, ...]) -> None:
    name = line.pieces[0].text
    as_range = any(piece.text == ".." for piece in line.pieces)
    inside = [piece.text for piece in line.pieces if piece.kind == "COMMENT"]
    line.pieces[:] = _pieces(f"{name} in {domain(options, as_range)}")
    line.behind[:] = [*evidence, *(c for c in (*inside, *line.behind) if not c.startswith(MARK))]


def _insert(nodes: list[Node], place: Place, change: Changed, space: Space) -> None:
    """Put a line of its own into the stage's block, or into its `each layer`; for the network, at the root."""
    stage, dimension = place
    body = nodes
    if stage:
        body = _block(nodes, f"stage {stage}").body
        if not of_a_stage(space.stages[stage - 1], dimension):
            body = _block(body, "each layer").body
    line = SourceLine(_pieces(f"{dimension} in {domain(change.options, True)}"), False, [change.evidence])
    said = [at for at, node in enumerate(body) if isinstance(node, SourceLine) and node.pieces[0].kind == "NAME"]
    if not said and not stage:  # behind the lines of the head
        said = [
            at for at, node in enumerate(body) if isinstance(node, SourceLine) and node.pieces[0].text != "require"
        ]
    body.insert(said[-1] + 1 if said else 0, line)


def _block(body: list[Node], head: str) -> SourceBlock:
    """The block with this header, which is made at the end where there is none."""
    for node in body:
        if isinstance(node, SourceBlock) and " ".join(piece.text for piece in node.head) == head:
            node.together = False
            return node
    made = SourceBlock(_pieces(f"{head} {{}}", head=True), blank=False)
    body.append(made)
    return made


def _pieces(statement: str, head: bool = False) -> list[Lexeme]:
    (node,) = pieces(Source("", statement + "\n"))
    match node:
        case SourceBlock(head=found) if head:
            return found
        case SourceLine(pieces=found):
            return found
    raise AssertionError(statement)


def domain(options: tuple[Number, ...], as_range: bool) -> str:
    """Options as a range, where they are one and so wished, or as a set."""
    gaps = {b - a for a, b in pairwise(options)}
    if as_range and len(gaps) == 1:
        (gap,) = gaps
        ends = f"{decimal(options[0])}..{decimal(options[-1])}"
        return ends if gap == 1 else f"{ends} step {decimal(gap)}"
    return "{" + ", ".join(map(decimal, options)) + "}"
