"""What was found of a space of a refinement, as a file: with it, a refinement goes on without weights or
journals."""

from __future__ import annotations

import json
from typing import Any

import cattrs

from spacelang.outside import parse
from spacelang.refinement.account import converter
from spacelang.refinement.loop import Finding

FORMAT = "spacelang.finding/1"


def to_json(finding: Finding, text: str) -> str:
    """As text. text: of the space."""
    record: dict[str, Any] = {"format": FORMAT, "space": text, **converter().unstructure(finding)}
    return json.dumps(record, ensure_ascii=False)


def from_json(kept: str, text: str) -> Finding | None:
    """What was kept of the space of that text; None where it is of another one. Raises ValueError where a text
    holds nothing of the kind."""
    try:
        record = parse(kept)
        if record.pop("format") != FORMAT:
            raise ValueError(f"it is not of this version ({FORMAT})")
        return converter().structure(record, Finding) if record.pop("space") == text else None
    except (cattrs.BaseValidationError, AttributeError, TypeError, KeyError) as error:
        raise ValueError(f"it holds no judgement of this version ({FORMAT})") from error
