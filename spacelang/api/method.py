"""How to search the networks of a run, from the words of a call or of the command line."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from attrs import frozen

from spacelang.api.error import NotAnOption
from spacelang.api.measures import known_as
from spacelang.diagnostics import nearest
from spacelang.recipe import SCORES, Evolve, Score
from spacelang_runtime.failure import Failure

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.search.method import Method


@frozen
class Words:
    """What is said of how to search; None: not said. budget: different networks to score."""

    algorithm: str | None = None
    pareto: str | None = None
    score: str | None = None
    exact: bool = False
    risk: float | None = None
    budget: int | None = None
    part: str | float | None = None
    finalists: int | None = None


def method_of(lowered: Lowered, recipe: Evolve, words: Words) -> Method:
    """The method that these words ask for. Raises `NotAnOption` for one that cannot be."""
    from spacelang_runtime.search.algorithms import ALGORITHMS
    from spacelang_runtime.search.candidate import ACCURACY
    from spacelang_runtime.search.evolve import enough
    from spacelang_runtime.search.method import FINALISTS, PART, RACING, Method

    usual = "predictor" if words.risk is None else "paper"
    chosen = words.algorithm or (usual if words.pareto is None else "nsga2")
    found = next((name for name in ALGORITHMS if name == chosen), None)
    if found is None:
        raise NotAnOption("algorithm", f"{chosen!r} is none of {', '.join(ALGORITHMS)}")
    if words.risk is not None and not (isinstance(words.risk, int | float) and 0 < words.risk < 1):
        raise NotAnOption("risk", "a risk lies between 0 and 1; to take none, give --exact")
    if words.risk is not None and words.exact:
        raise NotAnOption("risk", "--exact takes no risk: give one of them")
    if words.pareto is not None:
        goals = _goals(lowered, words.pareto)
    else:
        goals = (ACCURACY, "flops") if found == "nsga2" else (ACCURACY,)
    if words.risk is not None and (len(goals) > 1 or found not in RACING):
        what = "a front scores every network in full" if len(goals) > 1 else f"{found} does not race"
        said = f"it is of races, and {what}; these race: --algorithm {' or '.join(RACING)}"
        raise NotAnOption("risk", said)
    if len(goals) > 1 and (words.score == "loss" or words.finalists is not None):
        asked = "score" if words.score == "loss" else "finalists"
        raise NotAnOption(asked, "a front is of accuracy, and has no finalists")
    if words.algorithm == "predictor" and not enough(recipe, words.budget):
        raise Failure(
            "the predictor has too few networks to learn from: it takes more than 20 in all",
            "let the search score more (--candidates, --set population=NUMBER), or take --algorithm paper",
        )
    return Method(
        algorithm=found,
        goals=goals,
        score=score_of(words.score) or recipe.score,
        risk=words.risk,
        exact=words.exact,
        budget=words.budget,
        part=PART if words.part is None else _part(words.part),
        finalists=words.finalists or FINALISTS,
    )


def score_of(text: str | None) -> Score | None:
    """The score that a word names; None where there is none, and the recipe's counts. Raises `NotAnOption`."""
    if text is None:
        return None
    found = next((score for score in SCORES if score == text), None)
    if found is None:
        near = nearest(text, SCORES)
        said = f"did you mean {near}?" if near else f"it is {' or '.join(SCORES)}"
        raise NotAnOption("score", f"{text!r} is no score: {said}")
    return found


def _part(given: str | float) -> Fraction:
    """A part such as 80%, 0.8 or 4/5."""
    text = str(given)
    try:
        part = Fraction(text[:-1]) / 100 if text.endswith("%") else Fraction(text)
    except (ValueError, ZeroDivisionError):
        part = Fraction(0)
    if not 0 < part <= 1:
        raise NotAnOption("part", f"{text!r} is no part of the images, such as 80% or 0.8")
    return part


def _goals(lowered: Lowered, pareto: str) -> tuple[str, ...]:
    """The goals of a front, accuracy first."""
    from spacelang_runtime.search.candidate import ACCURACY

    known = (ACCURACY, *lowered.chain.costs)
    goals = tuple(dict.fromkeys(known_as(word.strip(), known) for word in pareto.split(",")))
    wrong = next((goal for goal in goals if goal not in known), None)
    if wrong is not None:
        table = "; latency needs a table: --cost TABLE (see spacelang measure)" if wrong == "latency" else ""
        raise NotAnOption("pareto", f"{wrong!r} is no goal here: {', '.join(known)}{table}")
    if ACCURACY not in goals or len(goals) == 1:
        raise NotAnOption("pareto", "a front is of accuracy and a cost: accuracy,flops")
    return (ACCURACY, *(goal for goal in goals if goal != ACCURACY))
