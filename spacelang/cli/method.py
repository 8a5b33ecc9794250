"""How to search, from the words of the command line, and what a search has found."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import typer
from attrs import frozen

from spacelang.api.measures import known_as
from spacelang.cli.measures import LABELS, Measures
from spacelang.cli.terminal import console, fail, grid, say
from spacelang.diagnostics import nearest
from spacelang.recipe import SCORES, Evolve, Score

if TYPE_CHECKING:
    from spacelang.lower.lowered import Lowered
    from spacelang_runtime.search.method import Method
    from spacelang_runtime.search.outcome import Outcome


@frozen
class Words:
    """What the command line says of how to search; None: not said."""

    algorithm: str | None = None
    pareto: str | None = None
    score: str | None = None
    exact: bool = False
    risk: float | None = None
    budget: int | None = None
    part: str | None = None
    finalists: int | None = None


def method_of(lowered: Lowered, recipe: Evolve, words: Words) -> Method:
    """The method that these words ask for."""
    from spacelang_runtime.search.algorithms import ALGORITHMS
    from spacelang_runtime.search.evolution import ACCURACY
    from spacelang_runtime.search.evolve import enough
    from spacelang_runtime.search.method import FINALISTS, PART, RACING, Method

    usual = "predictor" if words.risk is None else "paper"
    chosen = words.algorithm or (usual if words.pareto is None else "nsga2")
    found = next((name for name in ALGORITHMS if name == chosen), None)
    if found is None:
        raise typer.BadParameter(f"{chosen!r} is none of {', '.join(ALGORITHMS)}", param_hint="--algorithm")
    if words.risk is not None and not 0 < words.risk < 1:
        raise typer.BadParameter("a risk lies between 0 and 1; to take none, give --exact", param_hint="--risk")
    if words.risk is not None and words.exact:
        raise typer.BadParameter("--exact takes no risk: give one of them", param_hint="--risk")
    if words.pareto is not None:
        goals = _goals(lowered, words.pareto)
    else:
        goals = (ACCURACY, "flops") if found == "nsga2" else (ACCURACY,)
    if words.risk is not None and (len(goals) > 1 or found not in RACING):
        what = "a front scores every network in full" if len(goals) > 1 else f"{found} does not race"
        said = f"it is of races, and {what}; these race: --algorithm {' or '.join(RACING)}"
        raise typer.BadParameter(said, param_hint="--risk")
    if len(goals) > 1 and (words.score == "loss" or words.finalists is not None):
        hint = "--score" if words.score == "loss" else "--finalists"
        raise typer.BadParameter("a front is of accuracy, and has no finalists", param_hint=hint)
    if words.algorithm == "predictor" and not enough(recipe, words.budget):
        fail(
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
    """The score that the command line names; None where it names none, and the recipe's counts."""
    if text is None:
        return None
    found = next((score for score in SCORES if score == text), None)
    if found is None:
        near = nearest(text, SCORES)
        said = f"did you mean {near}?" if near else f"it is {' or '.join(SCORES)}"
        raise typer.BadParameter(f"{text!r} is no score: {said}", param_hint="--score")
    return found


def _part(text: str) -> Fraction:
    """A part such as 80%, 0.8 or 4/5."""
    try:
        part = Fraction(text[:-1]) / 100 if text.endswith("%") else Fraction(text)
    except (ValueError, ZeroDivisionError):
        part = Fraction(0)
    if not 0 < part <= 1:
        raise typer.BadParameter(f"{text!r} is no part of the images, such as 80% or 0.8", param_hint="--part")
    return part


def _goals(lowered: Lowered, pareto: str) -> tuple[str, ...]:
    """The goals that `--pareto` names, accuracy first."""
    from spacelang_runtime.search.evolution import ACCURACY

    known = (ACCURACY, *lowered.chain.costs)
    goals = tuple(dict.fromkeys(known_as(word.strip(), known) for word in pareto.split(",")))
    wrong = next((goal for goal in goals if goal not in known), None)
    if wrong is not None:
        table = "; latency needs a table: --cost TABLE (see spacelang measure)" if wrong == "latency" else ""
        raise typer.BadParameter(f"{wrong!r} is no goal here: {', '.join(known)}{table}", param_hint="--pareto")
    if ACCURACY not in goals or len(goals) == 1:
        raise typer.BadParameter("a front is of accuracy and a cost: accuracy,flops", param_hint="--pareto")
    return (ACCURACY, *(goal for goal in goals if goal != ACCURACY))


def print_front(outcome: Outcome, measures: Measures) -> None:
    """The networks of a front, from the least accurate on."""
    names = list(outcome.best.costs)
    rows = [
        [candidate.architecture.name, f"{correct / outcome.images:.2%}"]
        + [measures.short(name, candidate.costs[name]) for name in names]
        for candidate, correct in outcome.front
    ]
    console().print(grid(["name", "held out", *(LABELS.get(name, name) for name in names)], rows))
    say(f"hypervolume {outcome.volume:.4f} of the field from accuracy 0 at the highest cost to 1 at the lowest")


def print_finalists(outcome: Outcome, measures: Measures) -> None:
    """The finalists that cannot be told from the best, and what the best is to be expected to do on other
    images."""
    if level := outcome.level:
        names = list(outcome.best.costs)
        rows = [
            [
                one.candidate.architecture.name,
                f"{one.loss:.4f}",
                f"{one.accuracy:.2%}",
                between(one.apart or (0, 0)),
            ]
            + [measures.short(name, one.candidate.costs[name]) for name in names]
            for one in level
        ]
        say("not told from the best (95 % interval of the difference):")
        heads = ["name", "loss", "held out", "worse by", *(LABELS.get(name, name) for name in names)]
        console().print(grid(heads, rows))
    estimate = outcome.estimate
    if estimate is None:
        say("all held-out images were read: there are none left to say what the best does on others")
        return
    low, high = estimate.accuracy
    share = estimate.correct / estimate.images
    say(f"on {estimate.images} images that chose nothing: {share:.2%} [{low:.2%}, {high:.2%}]")


def between(interval: tuple[float, float]) -> str:
    """An interval: `[-0.0012, 0.0180]`."""
    return f"[{interval[0]:.4f}, {interval[1]:.4f}]"
