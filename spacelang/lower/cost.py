"""What a network costs: parameters and multiply–accumulates (MACs), exact, read from its plan.

MACs count one multiplication with its addition as one, over every matrix product, convolution and attention
product of the reference path in evaluation: half of what torch's FlopCounterMode counts there. LayerNorm,
softmax, GELU, the residual sums and the bias are left out, as in the vision papers.
"""

from __future__ import annotations

from attrs import frozen

from spacelang.architecture import Architecture
from spacelang.language.measures import EXACT
from spacelang.lower.plan import Blueprint, Head, Merge, Plan, Stem, Tokens, TransformerBlock, of_architecture

MEASURES = EXACT


@frozen
class Cost:
    """flops: MACs of one image. params: elements of the standalone model."""

    flops: int
    params: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.params + other.params)


def price(architecture: Architecture) -> Cost:
    """The cost of one network."""
    return total(of_architecture(architecture))


def total(plan: Plan) -> Cost:
    """The cost of a plan: the sum over its modules."""
    return sum(map(cost, plan), Cost(0, 0))


def cost(blueprint: Blueprint) -> Cost:
    """The cost of one module."""
    return Cost(macs(blueprint), params(blueprint))


def params(blueprint: Blueprint) -> int:
    """Elements of a module's parameters.

    Stem: a kernel of channels·patch² weights and a bias for each of `embed` outputs; the LayerNorm has a
    weight and a bias for each channel, 2·embed.
    Tokens: embed for the class token; (side² + token)·embed absolute positions.
    Block: two LayerNorms 2·2·C; q, k and v together 3·Q·(C + 1); output projection C·(Q + 1); MLP
    hidden·(C + 1) + C·(hidden + 1); bias table (2w − 1)²·heads; row and column tables for keys and for
    values, 4·(2·relative + 2)·head width.
    Merge: LayerNorm 2·4C; linear 4C·out. Head: LayerNorm 2·C; linear classes·(C + 1).
    """
    match blueprint:
        case Stem(patch=patch, channels=channels, embed=embed, norm=norm):
            return embed * (channels * patch**2 + 1) + 2 * embed * norm
        case Tokens(side=side, embed=embed, token=token, absolute=absolute):
            return embed * token + (side**2 + token) * embed * absolute
        case TransformerBlock(embed=c, heads=heads, qkv=q, hidden=hidden):
            norms = 4 * c
            attention = 3 * q * (c + 1) + c * (q + 1)
            mlp = hidden * (c + 1) + c * (hidden + 1)
            table = (2 * blueprint.span - 1) ** 2 * heads * blueprint.bias
            relative = 4 * (2 * blueprint.relative + 2) * blueprint.head_width * bool(blueprint.relative)
            return norms + attention + mlp + table + relative
        case Merge(embed=embed, out=out):
            return 8 * embed + 4 * embed * out
        case Head(embed=embed, classes=classes):
            return 2 * embed + classes * (embed + 1)


def macs(blueprint: Blueprint) -> int:
    """MACs of a module for one image.

    Stem: side² outputs of `embed` channels, each over channels·patch² inputs.
    Block: the map is padded to whole windows, so that attention and its projections see P ≥ N tokens (P = N
    where the window divides the map), each with the T tokens of its window: q, k, v 3·P·C·Q; scores and
    weighted values P·T·Q each; output projection P·Q·C. With relative positions for keys and values each
    product is done once more against the embeddings, 2·P·T·Q. The MLP sees the N tokens of the map: 2·N·C·hidden.
    Merge: an odd map is padded, so (side/2, rounded up)² outputs over 4C inputs. Head: classes·C once.
    """
    match blueprint:
        case Stem(side=side, patch=patch, channels=channels, embed=embed):
            return side**2 * embed * channels * patch**2
        case Tokens():
            return 0
        case TransformerBlock(side=side, embed=c, qkv=q, hidden=hidden, token=token):
            span = blueprint.span
            whole = blueprint.window == "global"
            padded = side if whole else -(-side // span) * span
            extra = int(token)
            p, t, n = padded**2 + extra, span**2 + extra, side**2 + extra
            products = 4 if blueprint.relative else 2
            return 4 * p * c * q + products * p * t * q + 2 * n * c * hidden
        case Merge(side=side, embed=embed, out=out):
            return (-(-side // 2)) ** 2 * 4 * embed * out
        case Head(embed=embed, classes=classes):
            return embed * classes
