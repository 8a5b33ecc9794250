"""What a refinement is asked for: the words of a call, or of the command line, as one value."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from attrs import asdict, field, frozen

from spacelang.api.error import NotAnOption
from spacelang.api.finish import share_of
from spacelang.api.held_out import held_out
from spacelang.api.measures import Amount
from spacelang.api.method import score_of
from spacelang.api.recipe import Settings, lines
from spacelang.api.time import Time, time_of
from spacelang.recipe import Score
from spacelang.refinement.loop import RULES, RefinementRule


@frozen
class RefineRequest:
    """How every space is trained and judged: all that the outcome of a refinement depends on, but its first space.

    data: a folder, or `digits`. test_share: how much of it is held out for the test, and by which seed. train,
    settings: lines of the `train` and `refine` recipes, as written. steps, budget (seconds): of each training.
    finish: the share of the supernet's seconds for which each best network is trained on."""

    data: str = "digits"
    train: dict[str, str] = field(factory=dict)
    steps: int | None = None
    budget: float | None = None
    settings: dict[str, str] = field(factory=dict)
    flops: Amount | None = None
    params: Amount | None = None
    images: int | None = None
    score: Score | None = None
    rule: RefinementRule = "guarded"
    inherit: bool = False
    search: bool = False
    finish: Fraction | None = None
    preview: bool = False
    test_share: tuple[float | None, int] = (None, 0)

    def values(self) -> dict[str, Any]:
        """All of it by name. A share that is not asked for is left out: words without one keep the name that
        refinements were given before there was such a word."""
        every = asdict(self)
        return every if self.test_share[0] else {name: of for name, of in every.items() if name != "test_share"}


def refine_request(
    data: str | None,
    *,
    test_share: float | str | None,
    test_seed: int,
    flops: Amount | None,
    params: Amount | None,
    steps: int | None,
    budget: Time | None,
    settings: Settings | None,
    train: Settings | None,
    images: int | None,
    score: str | None,
    rule: str,
    inherit: bool,
    search: bool,
    finish: str | float | None,
    preview: bool = False,
) -> RefineRequest:
    """What the words of `sl.refine` ask for. preview: whether it is only a look at how things work. Raises
    `NotAnOption` for a word that is none."""
    held = held_out(test_share, test_seed)
    return RefineRequest(
        data=data or "digits",
        train=lines(train, "train"),
        steps=steps,
        budget=None if budget is None else time_of(budget, "budget"),
        settings=lines(settings),
        flops=flops,
        params=params,
        images=images,
        score=score_of(score),
        rule=rule_of(rule),
        inherit=inherit,
        search=search or finish is not None,
        finish=None if finish is None else share_of(finish, "finish"),
        preview=preview,
        test_share=(None if held is None else held.share, test_seed),
    )


def rule_of(given: str) -> RefinementRule:
    """The rule of that name. Raises `NotAnOption`."""
    found = next((rule for rule in RULES if rule == given), None)
    if found is None:
        raise NotAnOption("rule", f"{given!r} is none of {', '.join(RULES)}")
    return found
