"""timm's Swin, eager, with its attention computed by `window_attention`, beside itself.

    python benchmarks/swin.py [--model swin_tiny_patch4_window7_224] [--batch 128] [--rounds 9] [--json FILE]

On one GPU. First what is computed is held to timm's own in float32: the logits and the gradient of every
parameter, in float32 by the reference, and in bf16 by the kernels, whose error may be twice that of timm's own
bf16 at most. Then a forward and backward pass, in bf16 by autocast, is timed by turns: medians between CUDA
events. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import statistics
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import timm
import torch
from sandwich import times
from timm.models.swin_transformer import SwinTransformerBlock
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from spacelang_runtime.ops.window_attention import packed_window_attention


def attend(block: SwinTransformerBlock, x: Tensor) -> Tensor:
    """What the attention of a block makes of whole maps, [maps, rows, columns, C], as its `_attn` does.

    timm rolls a map before it pads it, the paper after it: maps that are not whole windows are the same without a
    shift alone.
    """
    part = block.attn
    heads, (high, wide) = part.num_heads, part.window_size
    whole = x.shape[1] % high == 0 and x.shape[2] % wide == 0
    if not whole and any(block.shift_size):
        raise ValueError(f"maps of {x.shape[1]} × {x.shape[2]} tokens are not whole windows of {high} × {wide}")
    # Its table has queries minus keys, entry by entry and not head by head.
    bias = part.relative_position_bias_table.t().reshape(heads, 2 * high - 1, 2 * wide - 1).flip(1, 2)
    qkv = part.qkv(x).unflatten(-1, (3, heads, -1))
    padding = None if whole else part.qkv.bias.view(3, heads, -1)
    return part.proj(packed_window_attention(qkv, bias, (high, wide), block.shift_size, padding).flatten(-2))


def replaced(model: nn.Module) -> nn.Module:
    """A model of timm whose blocks attend by `window_attention`."""
    for block in model.modules():
        if isinstance(block, SwinTransformerBlock):
            block._attn = partial(attend, block)
    return model


def gradients(model: nn.Module, images: Tensor, labels: Tensor, low: bool) -> dict[str, Tensor]:
    model.zero_grad()
    with torch.autocast("cuda", torch.bfloat16) if low else nullcontext():
        logits = model(images)
    cross_entropy(logits.float(), labels).backward()
    return {"logits": logits.detach().float()} | {name: p.grad.clone() for name, p in model.named_parameters()}


def off(found: dict[str, Tensor], expected: dict[str, Tensor]) -> tuple[float, float]:
    """The median and the largest relative error."""
    errors = [float((found[name] - value).norm() / value.norm()) for name, value in expected.items()]
    return statistics.median(errors), max(errors)


def checked(theirs: nn.Module, ours: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Relative errors against timm's float32. Raises AssertionError where ours are too large."""
    expected = gradients(theirs, images, labels, low=False)
    exact = off(gradients(ours, images, labels, low=False), expected)
    own = off(gradients(theirs, images, labels, low=True), expected)
    found = off(gradients(ours, images, labels, low=True), expected)
    assert exact[1] < 1e-3, f"float32 is off by {exact}"
    assert all(a <= 2 * b for a, b in zip(found, own, strict=True)), f"bf16 is off by {found}, timm's own by {own}"
    return {"float32": exact[1], "bf16": found[0], "bf16, worst": found[1], "timm": own[0], "timm, worst": own[1]}


def timed(model: nn.Module, images: Tensor, labels: Tensor) -> list[float]:
    """Milliseconds of each of eight steps, after two others."""
    return times(lambda _: gradients_only(model, images, labels), 8, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="swin_tiny_patch4_window7_224")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device("cuda")
    theirs = timm.create_model(options.model).to(device)
    ours = replaced(timm.create_model(options.model)).to(device)
    ours.load_state_dict(theirs.state_dict())
    for model in (theirs, ours):
        # Stochastic depth draws anew in each; without it both are one function.
        for part in model.modules():
            if hasattr(part, "drop_prob"):
                part.drop_prob = 0.0
    images = torch.randn(options.batch, 3, 224, 224, device=device)
    labels = torch.randint(1000, (options.batch,), device=device)
    errors = checked(theirs, ours, images[:32], labels[:32])
    found: dict[str, list[float]] = {"timm": [], "ours": []}
    peaks = {}
    for _ in range(options.rounds):
        for name, model in (("timm", theirs), ("ours", ours)):
            found[name] += timed(model, images, labels)
            peaks[name] = torch.cuda.max_memory_allocated() / 2**30
    medians = {name: statistics.median(each) for name, each in found.items()}
    figures = {
        "errors": errors, "ms": medians, "GiB": peaks, "times": medians["timm"] / medians["ours"], "all": found
    }  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    print(f"| {options.model}, {options.batch} images, forward and backward | ms | GiB |\n|---|---|---|")
    for name in found:
        print(f"| {name} | {medians[name]:.1f} | {peaks[name]:.1f} |")
    print(f"\n{figures['times']:.2f} times; errors {errors}")


def gradients_only(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    model.zero_grad(set_to_none=True)
    with torch.autocast("cuda", torch.bfloat16):
        logits = model(images)
    cross_entropy(logits.float(), labels).backward()


if __name__ == "__main__":
    main()
