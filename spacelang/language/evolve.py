"""How a trained supernet is searched. Defaults are those of Alg. 2 where it gives them (Chen et al., 2021,
supplement), else AutoFormer's.

The name of each field is its word in the language; beside its default stands what it may be, in which unit, what
it means, and what other systems call it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, get_args

from attrs import frozen

from spacelang.expression import Number
from spacelang.language.bound import Bound
from spacelang.language.domain import MANY, SEED, SHARE, SOME, OneOf
from spacelang.language.word import BEGIN, line


@frozen
class Mutate:
    """The probabilities P_d, P_e and P_m with which depth, embed and a layer become free (Alg. 2); and those of
    each choice that is made once for a stage, and of each that is made once for the network."""

    depth: Number = line(Fraction(1, 5), SHARE, "", "How probable it is that a stage's depth is drawn anew.")
    embed: Number = line(Fraction(1, 5), SHARE, "", "How probable it is that a stage's width is drawn anew.")
    layer: Number = line(
        Fraction(2, 5),
        SHARE,
        "",
        "How probable it is that a layer is drawn anew.",
        "m_prob layers block mutate_layer per_layer",
    )
    stage: Number = line(
        Fraction(1, 5),
        SHARE,
        "",
        "How probable it is that what a stage chooses once, beside these, is drawn anew.",
        later=True,
    )
    network: Number = line(
        Fraction(1, 5),
        SHARE,
        "",
        "How probable it is that what the network chooses once is drawn anew.",
        later=True,
    )


Score = Literal["loss", "accuracy"]
SCORES: tuple[Score, ...] = get_args(Score)


@frozen
class Evolve:
    """The search recipe (Alg. 2). Parents, generations and the split of children are AutoFormer's."""

    population: int = line(
        50, MANY, "networks", "Networks of the first population.", "population_size pop_size population_num"
    )
    parents: int = line(
        10, MANY, "networks", "How many of the best have children.", "select_num num_parents topk top_k"
    )
    generations: int = line(
        20,
        SOME,
        "generations",
        "How often the parents have children.",
        "num_generations n_generations max_generations iterations",
    )
    score: Score = line(
        "loss",
        OneOf(SCORES),
        "",
        "By what networks are ranked on the held-out images: their mean cross-entropy (`loss`), which tells them "
        "apart on few images, or the share told right (`accuracy`).",
        later=True,
    )
    crossover: int = line(
        25, SOME, "networks", "Children of two parents in a generation.", "crossover_num num_crossover n_crossover"
    )
    mutation: int = line(
        25,
        SOME,
        "networks",
        "Mutated children in a generation.",
        "mutation_num num_mutation n_mutations mutations",
    )
    mutate: Mutate = Mutate()
    bounds: tuple[Bound, ...] = ()
    seed: int = line(0, SEED, "", BEGIN)
