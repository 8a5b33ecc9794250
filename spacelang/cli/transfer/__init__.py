"""`spacelang transfer`: a found network as the backbone of another task."""

from spacelang.cli.transfer.command import transfer

__all__ = ["transfer"]
