"""The last word of a command about something that its user can mend."""

from __future__ import annotations


class Failure(Exception):
    """A job cannot go on, for a reason outside the program: one message with the place, the cause and, in
    `remedy`, what to do about it. A traceback ends with both."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        if remedy:
            self.add_note(remedy)


class Stopped(Failure):
    """Every process of a job has ended for the same reason and has kept what it had: one of them says so."""


class Interrupted(Stopped):
    """A user has stopped a job, which can go on from where it was: the command that began it knows how."""
