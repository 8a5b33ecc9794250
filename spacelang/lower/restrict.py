"""A space with fewer cells, options and pairs of neighbours."""

from __future__ import annotations

from attrs import evolve

from spacelang.lower.cells import Legal


def restrict(left: Legal, options: list[list[tuple[int, ...]]], links: list[set[tuple[int, int]]]) -> Legal:
    """A space with these options of its cells alone, and these pairs of them."""
    kept = [[i for i, alive in enumerate(stage) if alive] for stage in options]
    numbers = [{old: new for new, old in enumerate(stage)} for stage in kept]
    roots = sorted({left.stages[t][i].root for t, stage in enumerate(kept) for i in stage})
    renamed = {old: new for new, old in enumerate(roots)}
    stages = tuple(
        tuple(
            evolve(
                left.stages[t][i],
                options=tuple(left.stages[t][i].options[option] for option in options[t][i]),
                root=renamed[left.stages[t][i].root],
            )
            for i in stage
        )
        for t, stage in enumerate(kept)
    )
    totals = tuple(
        evolve(
            charge,
            cells=tuple(tuple(charge.cells[t][i] for i in stage) for t, stage in enumerate(kept)),
            layers=tuple(
                tuple(tuple(charge.layers[t][i][option] for option in options[t][i]) for i in stage)
                for t, stage in enumerate(kept)
            ),
        )
        for charge in left.totals
    )
    return evolve(
        left,
        stages=stages,
        links=tuple(
            frozenset((numbers[t][i], numbers[t + 1][j]) for i, j in pairs) for t, pairs in enumerate(links)
        ),
        roots=tuple(left.roots[old] for old in roots) if left.roots else (),
        totals=totals,
    )
