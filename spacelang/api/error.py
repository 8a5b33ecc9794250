"""What the front door raises: a message, and what to do about it."""

from __future__ import annotations

from spacelang.diagnostics import Diagnostic, errors
from spacelang.source import Source
from spacelang_runtime.failure import Failure


class SpaceError(Failure):  # type: ignore[misc]  # the runtime is torch code, and not checked
    """A text that describes no space.

    source: the text. diagnostics: all that was found in it, warnings too, as values with codes and places. As text,
    it is what `spacelang check` prints.
    """

    def __init__(self, source: Source, diagnostics: tuple[Diagnostic, ...]) -> None:
        count = len(errors(diagnostics))
        super().__init__(f"{source.name} has {count} error{'s' if count > 1 else ''}")
        self.source = source
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        from spacelang.render import render

        return render(self.source, self.diagnostics)


class NotABound(Failure):  # type: ignore[misc]
    """A value that bounds no measure of the space.

    asked: the keyword it was given by. reason: why, alone. untabled: a table of the measure is what it lacks.
    """

    def __init__(self, asked: str, reason: str, untabled: bool = False) -> None:
        super().__init__(f"{asked}: {reason}", "give a table of it: space.with_costs(…)" if untabled else "")
        self.asked = asked
        self.reason = reason
        self.untabled = untabled


class NotAnOption(Failure):  # type: ignore[misc]
    """A value that a keyword of a call, or the option of the command line that is called so, does not take.

    asked: the keyword, or several: `"threads, int8"`. reason: why, alone.
    """

    def __init__(self, asked: str, reason: str, remedy: str = "") -> None:
        super().__init__(f"{asked}: {reason}", remedy)
        self.asked = asked
        self.reason = reason
