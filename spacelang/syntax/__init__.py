"""Text to tree. Comes in: a Source. Goes out: a `tree.File` and what was wrong with the text.

What then holds: every node has its exact place, numbers are exact, and nothing nests deeper than a fixed
bound, so that later passes may recurse. Only this package knows lark.
"""

from spacelang.syntax.parse import Parsed, parse

__all__ = ["Parsed", "parse"]
