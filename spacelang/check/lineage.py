"""The texts that a space is made from: `extends` and `narrows`, followed to the end.

Comes in: a Source, and how the text of another file is had. Goes out: the trees of all files, the eldest first,
with places that say in which text they lie. Nothing is read here: the loader does that, or refuses.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs
from attrs import frozen

from spacelang.check.outline import Outline, StageOutline
from spacelang.diagnostics import Diagnostic, Label, nearest
from spacelang.source import Source, Span
from spacelang.syntax import parse, tree

MOST_FILES = 16  # in one lineage
_T = TypeVar("_T")


@frozen
class UnreadableFile:
    """Why the text of a file cannot be had."""

    code: str
    message: str
    help: str | None = None


Loader = Callable[[str], Source | UnreadableFile]


def nothing(name: str) -> UnreadableFile:
    """The loader of a text that stands alone."""
    return UnreadableFile(
        "E0603", f"there is no file {name} here", "save the text beside the file that it is made from"
    )


def texts(files: Mapping[str, str]) -> Loader:
    """The loader that knows these texts by their names."""

    def load(name: str) -> Source | UnreadableFile:
        if name in files:
            return Source(name, files[name])
        near = nearest(name, files)
        return UnreadableFile("E0603", f"there is no file {name}", f"did you mean {near}?" if near else None)

    return load


@frozen
class LineageFile:
    """One file of a lineage. link: the line by which it names the file before it; None for the eldest."""

    source: Source
    file: tree.File
    link: tree.Extends | None


@frozen
class Lineage:
    """The files of a space, the eldest first and the text at hand last, and what was wrong on the way."""

    members: tuple[LineageFile, ...]
    diagnostics: tuple[Diagnostic, ...]
    whole: bool = True  # whether every statement of every file could be read


def lineage(source: Source, load: Loader) -> Lineage:
    """All texts that a text is made from. Paths are relative to the file in which they stand."""
    members: list[LineageFile] = []
    found: list[Diagnostic] = []
    whole = True
    while True:
        parsed = parse(source)
        whole = whole and parsed.whole
        if members:
            parsed = placed(parsed, source)
        found += parsed.diagnostics
        link = _link(parsed.file, found)
        members.insert(0, LineageFile(source, parsed.file, link))
        other = _other(source, link, members, load) if link else None
        if isinstance(other, Diagnostic):
            found.append(other)
        if not isinstance(other, Source):
            return Lineage(tuple(members), tuple(found), whole and other is None)
        source = other


def placed(value: _T, source: Source) -> _T:
    """A tree, or findings, with every place in it that says nothing else said to lie in this text."""

    def moved(part: Any) -> Any:
        if isinstance(part, Span):
            return Span(part.start, part.end, part.source or source)
        if isinstance(part, tuple):
            return tuple(moved(item) for item in part)
        if attrs.has(type(part)):
            return attrs.evolve(part, **{f.name: moved(getattr(part, f.name)) for f in attrs.fields(type(part))})
        return part

    return moved(value)  # type: ignore[no-any-return]


def _link(file: tree.File, found: list[Diagnostic]) -> tree.Extends | None:
    """The line that says what a file is made from, which stands right under the space's name."""
    first: tree.Extends | None = None
    head = True
    for statement in file.statements:
        match statement:
            case tree.Extends(span=span) if first is not None:
                label, other = Label(span, "again here"), Label(first.span, "first here")
                help_ = "let that other file extend the second one"
                found.append(
                    Diagnostic("E0607", "a space is made from one other", label, others=(other,), help=help_)
                )
            case tree.Extends(span=span):
                first = statement
                if not head:
                    word = "narrows" if statement.narrows else "extends"
                    message = f"`{word}` stands right under the space's name"
                    help_ = "move it up: what a space is made from is said before anything else of it"
                    found.append(Diagnostic("E0607", message, Label(span), help=help_))
            case tree.Edition() | tree.SpaceName():
                pass
            case _:
                head = False
    return first


def _other(source: Source, link: tree.Extends, members: Sequence[LineageFile], load: Loader) -> Source | Diagnostic:
    """The text that a link names, or what keeps it from being read."""
    path, label = link.path.text, Label(link.path.span)
    if not path or not path.isprintable() or re.match(r"/|~|[A-Za-z]:", path) or "\\" in path:
        message = "a path is relative to the file in which it stands, with `/` between its folders"
        return Diagnostic("E0602", message, label, help='such as "other.space" or "../shared/other.space"')
    name = posixpath.normpath(posixpath.join(posixpath.dirname(source.name), path))
    known = [posixpath.normpath(member.source.name) for member in members]
    if name in known:
        circle = members[known.index(name)].link
        assert circle is not None, "every file of the way so far has named the next"
        named = [posixpath.basename(n) for n in (*reversed(known[: known.index(name) + 1]), name)]
        return Diagnostic(
            "E0605",
            f"{posixpath.basename(name)} is made from itself",
            label,
            others=(Label(circle.span, "the circle begins here"),) if circle is not link else (),
            notes=(f"the way round: {' -> '.join(named)}",),
        )
    if len(members) == MOST_FILES:
        return Diagnostic("E0606", f"more than {MOST_FILES} files are made from one another", label)
    loaded = load(name)
    if isinstance(loaded, UnreadableFile):
        return Diagnostic(loaded.code, loaded.message, label, help=loaded.help)
    return loaded


def inherited(layouts: Sequence[Outline]) -> Outline:
    """The outline of a whole lineage, the eldest first: a line replaces the one of the same name in the same scope
    of the files before; the requires of all stand together."""
    whole = Outline()
    for layout in layouts:
        whole = Outline(
            edition=layout.edition,
            name=layout.name,
            root=whole.root | layout.root,
            each_stage=whole.each_stage | layout.each_stage,
            each_layer=whole.each_layer | layout.each_layer,
            stages={
                number: _stage(whole.stages.get(number), layout.stages.get(number))
                for number in whole.stages.keys() | layout.stages.keys()
            },
            rules=[*whole.rules, *layout.rules],
            recipes=whole.recipes | layout.recipes,
            measures=layout.measures,
            meant=whole.meant | layout.meant,
        )
    return whole


def _stage(far: StageOutline | None, near: StageOutline | None) -> StageOutline:
    if far is None or near is None:
        one = far or near
        assert one is not None
        return one
    return StageOutline(near.block, far.lines | near.lines, far.layer | near.layer)
