"""The command `spacelang`, also as `python -m spacelang`."""

import atexit
import gc
import sys

_BRIEF = ("check", "compile", "diff", "explain", "fmt", "inspect", "new", "sample")


def main() -> None:
    """Load the command line and run it."""
    if sys.argv[1:2] and sys.argv[1] in _BRIEF:
        # What such a command loads lives as long as it does: looking for cycles in it, on the way and at the end,
        # takes a tenth of the time.
        gc.set_threshold(500_000, 20, 20)
        atexit.register(gc.freeze)
    try:
        from spacelang.cli import main as run
    except KeyboardInterrupt:
        print("error: stopped", file=sys.stderr)
        raise SystemExit(130) from None
    run()


if __name__ == "__main__":
    main()
