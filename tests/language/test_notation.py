"""One line of text, one JSON, one digest for one network."""

from fractions import Fraction

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacelang import notation
from spacelang.architecture import Architecture, Frame, Layer, NotAnArchitecture, Stage, from_json, to_json, verify

S3_T = "i224-p4-c1000/96:2xh3q96m4w7/192:2xh6q192m4w7/384:6xh12q384m4w14/768:2xh24q768m4w7"


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    stages = draw(st.integers(1, 4))
    single = stages == 1
    token = draw(st.sampled_from(["class", "none"])) if single else "none"
    positions = draw(st.sets(st.sampled_from(["absolute", "bias", "relative"])))
    frame = Frame(
        image=draw(st.sampled_from([32, 64, 224])),
        patch=draw(st.sampled_from([2, 4])),
        channels=draw(st.integers(1, 4)),
        classes=draw(st.integers(1, 1000)),
        position=tuple(sorted(positions)),
        token=token,
        pool=draw(st.sampled_from(["mean", "token"])) if token == "class" else "mean",
        stem_norm=draw(st.booleans()),
    )

    def layer(side: int) -> st.SearchStrategy[Layer]:
        return st.builds(
            lambda heads, width, mlp, window: Layer(heads, heads * width, mlp, window),
            st.integers(1, 12),
            st.integers(1, 64),
            st.integers(1, 6),
            st.just("global") if token == "class" else st.one_of(st.just("global"), st.integers(1, side)),
        )

    return Architecture(
        frame,
        tuple(
            Stage(draw(st.integers(1, 512)), tuple(draw(st.lists(layer(frame.side(n)), min_size=1, max_size=4))))
            for n in range(stages)
        ),
    )


@given(architectures())
def test_a_line_reads_back_as_the_network_it_was_written_for(architecture: Architecture) -> None:
    line = notation.write(architecture)
    assert notation.read(line) == architecture
    assert notation.looks_like(line)
    assert not set(line) & set(" '\"*?$&|;<>()[]{}\\!#~`"), "a shell would want it quoted"


@given(architectures())
def test_json_reads_back_as_the_network_it_was_written_for(architecture: Architecture) -> None:
    verify(architecture)
    assert from_json(to_json(architecture)) == architecture


@given(architectures(), architectures())
def test_networks_are_equal_when_their_digests_are(one: Architecture, other: Architecture) -> None:
    assert (one == other) == (one.digest == other.digest)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (S3_T.replace("h3q96", "h3q97"), "qkv 97 is not a multiple of heads 3"),
        (S3_T.replace("w14", "w15"), "window 15 is larger than its 14×14 map"),
        (S3_T.replace("h12", "x12"), "is not of the form h3q96m4w7"),
        (S3_T.replace("i224", "i225"), "patch 4 does not divide image 225"),
        (S3_T.replace("m4w14", "m3.3w14"), "mlp 33/10 of 384 channels is not whole"),
        (S3_T.replace("-c1000", "-c1000-best"), "'best' says nothing of a network"),
    ],
)
def test_a_line_that_is_no_network_says_why(line: str, said: str) -> None:
    with pytest.raises(NotAnArchitecture, match=said.replace("×", ".")):
        notation.read(line)


def test_a_network_without_heads_or_patches_cannot_be_built() -> None:
    """Made of tensors of an imported file, which may have no rows."""
    frame = Frame(
        image=8, patch=2, channels=1, classes=2, position=("bias",), token="none", pool="mean", stem_norm=True
    )
    for patch, heads, said in (
        (2, 0, "qkv 8 is not a multiple of heads 0"),
        (0, 1, "patch 0 does not divide image 8"),
    ):
        stage = Stage(8, (Layer(heads=heads, qkv=8, mlp=Fraction(2), window=2),))
        with pytest.raises(NotAnArchitecture, match=said):
            verify(Architecture(attrs.evolve(frame, patch=patch), (stage,)))
