"""`require each stage: sum(heads) <= 6` in a recipe: every network that is drawn keeps it in each of its stages."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from spacelang.check import compile_text
from spacelang.lower.bounds import nearest, windows
from spacelang.lower.chain import inside
from spacelang.lower.count import count
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import lower
from spacelang.lower.operators import Rates, cross, mutate
from spacelang.lower.terms import Law
from spacelang.source import Source

from .chains import chi_square
from .spaces import Network
from .test_operators import UNLIKELY
from .test_spaces import network
from .test_tied import enumerated
from .tied import Tied, tied


@settings(max_examples=30, deadline=None)
@given(tied(1), st.integers(1, 6), st.sampled_from(("1.5", "2", "3.5")), st.integers(1, 4))
def test_every_stage_keeps_a_bound_of_each_stage(space: Tied, heads: int, ratio: str, deep: int) -> None:
    everyone = enumerated(space, 600)
    bounds = f"require each stage: sum(heads) <= {heads} and sum(mlp) >= {ratio}\n  require sum(depth) <= {deep}"
    found = compile_text(Source("x.space", f"{space.text}evolve {{\n  {bounds}\n}}\n"))
    assert found.space is not None, [one.message for one in found.diagnostics]
    lowered = lower(found.space)
    chain, asked = lowered.chain, windows(found.space.evolve.bounds, lowered.chain)

    def kept(one: Network, beside: int | None = None) -> bool:
        """beside: the stage whose heads are left aside."""
        rows = [(sum(la[0] for la in layers), sum(la[2] for la in layers)) for _, layers in one]
        depth = sum(len(layers) for _, layers in one)
        own = all(mine <= heads for t, (mine, _) in enumerate(rows) if t != beside)
        return depth <= deep and own and all(Fraction(ratio) <= mlp for _, mlp in rows)

    held = [one for one in everyone if kept(one)]
    assert lowered.count == len(everyone)
    assert count(chain, asked) == len(held)
    if not held:
        return
    drawn = draw(chain, 1000, stream(0), law=Law.UNIFORM, bounds=asked)
    law = {one: Fraction(1, len(held)) for one in held}
    assert chi_square(law, [network(lowered.architecture(one)) for one in drawn]) > UNLIKELY
    parents = list(drawn)[:20]
    children = mutate(chain, parents, Rates(0.5, 0.5, 0.5, 0.5, 0.5), stream(1), asked)
    children += cross(chain, list(zip(parents, reversed(parents), strict=True)), stream(2), asked)
    assert all(inside(chain, child.genotype, asked) for child in children)
    assert all(network(lowered.architecture(child.genotype)) in law for child in children)
    values = {sum(la[0] for la in one[0][1]) for one in everyone if kept(one, beside=0)}
    above = min((value for value in values if value > heads), default=None)
    assert nearest(chain, "stage 1: sum(heads)", asked).above == above
