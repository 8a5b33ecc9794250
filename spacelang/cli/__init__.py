"""The command line. Each command is a thin shell: it reads its words, calls what knows, and prints.

Commands import what they need when they run, so that those that only look at text or runs never wait for torch.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

import typer

from spacelang.cli.commands import application
from spacelang.cli.stop import STOPPED, stoppable
from spacelang.cli.terminal import fail, last_words, say

__all__ = ["main"]

# Where typer carries a click of its own and where it uses click's: the class of all that is wrong with the words.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]


def main() -> None:
    """Run the command line; what a user can mend ends in one message and exit code 1, and 2 where it is the words
    of the command."""
    from spacelang.cache import refused
    from spacelang.lower.too_large import TooLarge
    from spacelang_runtime.failure import Failure, Stopped

    # Threads that wait for one another sleep instead of spinning: beside other work, training is several times
    # faster for it. It has to be said before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a character gets another for it
    words = sys.argv[1:] or ["help"]
    if words[0] == "help":  # as people type it: help, help train
        words = [*words[1:2], "--help"]
    if (unused := refused()) and os.environ.get("LOCAL_RANK", "0") == "0":
        say(unused)
    try:
        with stoppable():
            code = application(words)(words, prog_name="spacelang", standalone_mode=False)
        if code == STOPPED:
            raise KeyboardInterrupt
        if not sys.stdout.closed:  # as the editor service leaves it
            sys.stdout.flush()  # so that a full disk or a closed pipe is met here, not when nobody listens any more
        raise SystemExit(code if isinstance(code, int) else 0)
    except _UsageError as error:
        from spacelang.cli.usage import usage

        fail(*usage(error, words), code=2)
    except Stopped as stop:
        if os.environ.get("RANK", "0") != "0":
            raise SystemExit(1) from None
        fail(stop.message, stop.remedy)
    except Failure as failure:
        several = os.environ.get("WORLD_SIZE", "1") != "1"
        last_words((f"process {os.environ.get('RANK')}: " if several else "") + failure.message, failure.remedy)
        raise SystemExit(1) from None
    except TooLarge as reason:
        fail(f"too many sums of costs to be exact: {reason}")
    except (KeyboardInterrupt, typer.Abort):
        fail("stopped", code=STOPPED)
    except BrokenPipeError:  # the reader of a pipe has gone: nobody is left to tell
        _close()
        raise SystemExit(1) from None
    except OSError as error:
        from spacelang.cli.disk import why

        if error.filename is None:
            _close()
        last_words(*why(error))
        raise SystemExit(1) from None


def _close() -> None:
    """Let go of a standard output that takes nothing more, so that the interpreter's end does not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
