"""The command `spacelang`, also as `python -m spacelang`."""

import sys


def main() -> None:
    """Load the command line and run it."""
    try:
        from spacelang.cli import main as run
    except KeyboardInterrupt:
        print("error: stopped", file=sys.stderr)
        raise SystemExit(130) from None
    run()


if __name__ == "__main__":
    main()
