"""The command line. Each command is a thin shell: it reads its words, calls what knows, and prints.

Commands import what they need when they run, so that those that only look at text or runs never wait for torch.
"""

from __future__ import annotations

import os
import sys

from spacelang.cli.commands import application
from spacelang.cli.terminal import fail

__all__ = ["main"]


def main() -> None:
    """Run the command line; what a user can mend ends in one message and exit code 1."""
    from spacelang.lower.too_large import TooLarge
    from spacelang_runtime.failure import Failure, Stopped

    # Threads that wait for one another sleep instead of spinning: beside other work, training is several times
    # faster for it. It has to be said before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        application(sys.argv[1:])()
    except Stopped as stop:
        if os.environ.get("RANK", "0") != "0":
            raise SystemExit(1) from None
        fail(stop.message, stop.remedy)
    except Failure as failure:
        several = os.environ.get("WORLD_SIZE", "1") != "1"
        fail((f"process {os.environ.get('RANK')}: " if several else "") + failure.message, failure.remedy)
    except TooLarge as reason:
        fail(f"too many sums of costs to be exact: {reason}")
    except KeyboardInterrupt:
        fail("stopped")
    except BrokenPipeError:  # the reader of a pipe has gone: nobody is left to tell
        sys.stderr.close()
        raise SystemExit(1) from None
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        remedy = "free some space and run the same command again" if error.errno == 28 else ""
        fail(f"{error.strerror or error}{where}", remedy)
