"""The page about the grammar, made from the grammar itself: its comments are the text, its rules the examples."""

import re

HEAD = """# The grammar

This page is made from `grammars/space.lark`, which the compiler reads. `"word"` stands for itself, `NAME` and the
other names in capitals for the tokens at the end of the page; `[ ]` may be left out, `( )*` may be repeated or left
out, `( )+` is there at least once, and `|` separates alternatives. What the names mean, where they may stand and
what values they take is the business of the checker, and of [the reference](language.md).
"""


def page(grammar: str) -> str:
    """Each comment as a paragraph, and the rules under it as a block."""
    parts = [HEAD]
    for paragraph in re.split(r"\n\s*\n", grammar.strip()):
        comments = [line.strip()[2:].strip() for line in paragraph.splitlines() if line.strip().startswith("//")]
        rules = [line for line in paragraph.splitlines() if not line.strip().startswith("//")]
        if comments:
            parts.append(" ".join(comments) + "\n")
        if rules:
            parts.append("```ebnf\n" + "\n".join(map(_rule, rules)) + "\n```\n")
    return "\n".join(parts)


def _rule(line: str) -> str:
    """A rule without what concerns only the program that reads it: names of branches, marks of inlined rules."""
    return re.sub(r"\s*-> \w+$", "", re.sub(r"^\?", "", line)).replace("_LINE", "LINE").replace("_DOTS", "DOTS")
