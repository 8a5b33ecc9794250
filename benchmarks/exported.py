"""Random networks of the shipped families, exported: the numbers of their supernet's slice, in every form.

Run `python benchmarks/exported.py --count 20`. Each network is drawn from a small relative of the family (the
same words, fewer channels, so that a CPU can do it), or with `--whole` from the shipped space itself. Compared:
the exported network with the supernet's slice in fp32 (1e-5 of the largest logit) and fp64 (1e-12); ONNX in
onnxruntime with torch (1e-4), and the file's size with that of its weights; timm's and transformers' reading of
the folder, bit for bit.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import timm
import torch

import spacelang_runtime.export.timm_model  # noqa: F401  (makes the networks known to timm)
from spacelang.check import compile_text
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered, lower
from spacelang.project import loader
from spacelang.resources import folder
from spacelang.source import Source, read
from spacelang_runtime.export.hf_model import SpacelangForImageClassification
from spacelang_runtime.export.onnx_file import write
from spacelang_runtime.nn.extract import extract
from spacelang_runtime.nn.saved import save
from spacelang_runtime.nn.supernet import Supernet

# What makes a family small: its words stay, its widths shrink.
SMALLER = {
    "s3": [
        ("embed in 64..128 step 32", "embed in 16..32 step 8"),
        ("embed in 160..224 step 32", "embed in 32..48 step 8"),
        ("embed in 320..448 step 64", "embed in 48..64 step 8"),
        ("embed in 640..896 step 128", "embed in 64..96 step 16"),
        ("head_dim = 32", "head_dim = 4"),
    ],
}
FAMILIES = ("s3", "autoformer_tiny", "digits")


def family(name: str, whole: bool) -> Lowered:
    """The space of a family."""
    source = read(folder("spaces") / f"{name}.space")
    text = source.text
    for old, new in () if whole else SMALLER.get(name, ()):
        text = text.replace(old, new)
    space = compile_text(Source(source.name, text), loader(source.name)).space
    assert space is not None
    return lower(space)


def main() -> None:
    """Compare and print the worst of each family."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--count", type=int, default=20)
    asked.add_argument("--families", nargs="+", default=FAMILIES)
    asked.add_argument("--whole", action="store_true")
    given = asked.parse_args()
    for name in given.families:
        lowered = family(name, given.whole)
        torch.manual_seed(0)
        supernet = Supernet(lowered.space.frame, lowered.plan).eval()
        with torch.no_grad():
            for parameter in supernet.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))
        double = Supernet(lowered.space.frame, lowered.plan).double().eval()
        double.load_state_dict(supernet.state_dict())
        frame = lowered.space.frame
        images = torch.randn(2, frame.channels, frame.image, frame.image)
        worst = dict.fromkeys(("fp32", "fp64", "onnx", "bytes over the weights"), 0.0)
        for genotype in draw(lowered.chain, given.count, stream(0)):
            architecture = lowered.architecture(genotype)
            network = extract(supernet, architecture)
            with torch.inference_mode():
                logits = network(images)
                apart = {"fp32": share(supernet(images, architecture), logits)}
                there, here = double(images.double(), architecture), extract(double, architecture)(images.double())
                apart["fp64"] = share(there, here)
            with tempfile.TemporaryDirectory() as place:
                made = write(network, Path(place) / "model.onnx")
                save(network, place, {})
                read_by_timm = timm.create_model(f"local-dir:{place}", pretrained=True).eval()
                read_by_hf = SpacelangForImageClassification.from_pretrained(place)
                with torch.inference_mode():
                    assert torch.equal(read_by_timm(images), network(images))
                    assert torch.equal(read_by_hf(images).logits, network(images))
            assert made.size - made.weights <= max(2**20, 0.02 * made.weights)
            apart |= {"onnx": made.difference, "bytes over the weights": float(made.size - made.weights)}
            worst = {key: max(value, apart[key]) for key, value in worst.items()}
        assert worst["fp32"] <= 1e-5
        assert worst["fp64"] <= 1e-12
        told = ", ".join(f"{key} {value:.2g}" for key, value in worst.items())
        print(f"{name}: {given.count} networks; worst: {told}; timm and transformers bit for bit", flush=True)


def share(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    return float((found - expected).abs().max() / expected.abs().max())


if __name__ == "__main__":
    main()
