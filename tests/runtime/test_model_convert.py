"""A Swin transformer of timm is one of our networks, with its logits."""

from __future__ import annotations

import re
import shlex
import sys
from argparse import Namespace
from importlib import import_module
from pathlib import Path

import pytest
import timm
import torch
from networks import shipped, stirred
from safetensors.torch import save_file
from timm.models.swin_transformer import SwinTransformer

from spacelang_runtime.failure import Failure
from spacelang_runtime.nn import swin_file
from spacelang_runtime.nn.convert import from_file, from_timm, of_swin
from spacelang_runtime.preprocessing import Preprocessing

SAME = {
    "swin_s3_tiny_224": "s3_tiny",
    "swin_s3_small_224": "s3_small",
    "swin_s3_base_224": "s3_base",
    "swin_tiny_patch4_window7_224": "swin_tiny",
}


@pytest.mark.parametrize("name", SAME)
def test_a_model_of_timm_gives_its_logits_as_a_shipped_network(name: str) -> None:
    torch.manual_seed(0)
    theirs = timm.create_model(name, weight_init="skip").eval()  # torch's own weights are random enough
    ours = of_swin(theirs).eval()
    assert ours.architecture == shipped(SAME[name]).largest
    images = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        expected, logits = theirs(images), ours(images)
    assert (logits - expected).abs().max() <= 1e-4 * expected.abs().max()


def small(**changes: object) -> SwinTransformer:
    """A little Swin with an odd first map, shifted windows in it, and every weight of consequence."""
    shape = {
        "img_size": 36, "patch_size": 4, "embed_dim": 8, "depths": (2, 2), "num_heads": (2, 4),
        "window_size": ((3, 3), (5, 5)),
        "num_classes": 5, "mlp_ratio": 1.5,
    }  # fmt: skip
    return stirred(SwinTransformer(**(shape | changes))).eval()


def test_every_weight_finds_its_place() -> None:
    theirs = small().double()
    ours = of_swin(theirs).eval()
    images = torch.randn(3, 3, 36, 36, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-10, atol=1e-10)


def test_heads_narrower_than_the_width_are_kept() -> None:
    theirs = small(head_dim=2)
    ours = of_swin(theirs)
    assert ours.architecture.stages[0].layers[0].qkv == 4
    images = torch.randn(1, 3, 36, 36)
    with torch.inference_mode():
        torch.testing.assert_close(ours.eval()(images), theirs(images), rtol=1e-4, atol=1e-4)


def test_weights_come_from_files_in_timms_names_and_in_swins_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = small()
    stated = {"crop_pct": 0.9, "interpolation": "bilinear", "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}

    def create(name: str) -> SwinTransformer:
        model = small()
        model.pretrained_cfg = {"input_size": (3, 36, 36), "crop_mode": None} | stated
        return model

    monkeypatch.setattr(timm, "create_model", create)
    weights = {key: tensor + 0.01 for key, tensor in theirs.state_dict().items()}
    save_file(weights, tmp_path / "timm.safetensors")
    torch.save({"state_dict": weights}, tmp_path / "timm.pth")
    own = {
        key.replace("layers.1.downsample", "layers.0.downsample").replace("head.fc", "head"): tensor
        for key, tensor in weights.items()
    }
    own |= {"layers.0.blocks.0.attn.relative_position_index": torch.zeros(9, 9, dtype=torch.long)}
    torch.save({"model": own}, tmp_path / "swin.pth")
    theirs.load_state_dict(weights)
    expected = of_swin(theirs).state_dict()
    for file in ("timm.safetensors", "timm.pth", "swin.pth"):
        network, preprocessing = from_timm("swin_s3_tiny_224", tmp_path / file)
        found = network.state_dict()
        assert all(torch.equal(found[key], tensor) for key, tensor in expected.items())
        assert preprocessing == Preprocessing(0.9, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_a_file_is_never_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "sprung",))  # type: ignore[return-value]

    torch.save({"model": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(Failure, match="read safely"):
        from_timm("swin_tiny_patch4_window7_224", tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()


def test_a_class_that_is_refused_is_named_with_the_line_that_writes_the_tensors_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As files of Swin's own training, which keep their configuration as an object of a class."""
    (tmp_path / "yacs_like.py").write_text("class CfgNode(dict):\n    pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    kept = {
        "model": {"norm.weight": torch.arange(7.0)},
        "config": import_module("yacs_like").CfgNode(a=1),
        "epoch": 3,
    }
    torch.save(kept, "it's whole.pth")
    with pytest.raises(Failure, match=r"cannot be read safely: it holds a yacs_like\.CfgNode") as failure:
        swin_file.tensors(tmp_path / "it's whole.pth")
    (line,) = re.findall(r"python -c .*", failure.value.remedy)
    _, _, code, *words = shlex.split(line)
    monkeypatch.setattr(sys, "argv", ["-c", *words])
    exec(code, {})
    del sys.modules["yacs_like"]
    again = swin_file.tensors(Path(words[-1]))
    assert list(again) == ["norm.weight"]
    assert torch.equal(again["norm.weight"], torch.arange(7.0))


def test_what_cannot_be_read_or_does_not_fit_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "cut.pth").write_bytes(b"\x80\x02X\x05")  # a text whose length is cut off
    (tmp_path / "text.safetensors").write_text("no weights")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"norm.weight": torch.ones(7)}, tmp_path / "part.pth")
    messages = {
        "none.pth": "cannot read .*none.pth: No such file",
        "none.safetensors": "cannot read .*none.safetensors: No such file",
        "text.pth": "read safely",
        "empty.pth": "read safely",
        "cut.pth": "read safely",
        "text.safetensors": "read safely",
        "list.pth": "holds a list",
        "part.pth": "has no tensor patch_embed.proj.weight, and swin_s3_tiny_224 needs it",
    }
    for file, message in messages.items():
        with pytest.raises(Failure, match=message):
            from_timm("swin_s3_tiny_224", tmp_path / file)


def test_a_model_that_is_none_of_ours_is_refused_with_the_reason() -> None:
    with pytest.raises(Failure, match="no model swin_s3_tyny_224") as failure:
        from_timm("swin_s3_tyny_224")
    assert failure.value.remedy == "did you mean swin_s3_tiny_224?"
    with pytest.raises(Failure, match="resnet18 is a ResNet"):
        from_timm("resnet18")
    cases = {
        "lacks a bias in qkv": small(qkv_bias=False),
        "a window is 3×2": small(window_size=((3, 2), (3, 2))),
        "shifted windows of 3 do not divide the 5×5 map": small(window_size=3),
        "window 7 is larger than its 5×5 map": small(window_size=7, always_partition=True, depths=(1, 1)),
        "lacks a linear classifier": small(num_classes=0),
        "lacks the mean of all tokens": small(global_pool=""),
        "lacks GELU": small(),
    }
    cases["lacks GELU"].layers[0].blocks[0].mlp.act = torch.nn.ReLU()
    for message, model in cases.items():
        with pytest.raises(Failure, match=message):
            of_swin(model)


def published(theirs: SwinTransformer) -> dict[str, torch.Tensor]:
    """A Swin's weights as AutoFormerV2's `SSS.py` and Swin's own code name them, with their buffers."""
    weights = {
        name.replace("layers.1.downsample", "layers.0.downsample").replace("head.fc", "head"): tensor
        for name, tensor in theirs.state_dict().items()
    }
    weights["layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(9, 9, dtype=torch.long)
    weights["layers.0.blocks.1.attn_mask"] = torch.zeros(9, 9, 9)
    return weights


def test_a_file_tells_its_network_by_the_shapes_of_its_tensors(tmp_path: Path) -> None:
    theirs = small(head_dim=2)
    expected = of_swin(theirs)
    torch.save({"model": published(theirs), "args": Namespace(lr=1)}, tmp_path / "S3.pth")
    save_file(theirs.state_dict(), tmp_path / "timm.safetensors")
    for file in ("S3.pth", "timm.safetensors"):
        found = from_file(tmp_path / file, image=36)
        assert found.architecture == expected.architecture
        assert all(torch.equal(found.state_dict()[key], t) for key, t in expected.state_dict().items())


def test_a_file_that_does_not_fit_names_the_tensor_and_both_shapes(tmp_path: Path) -> None:
    good = published(small())
    block = "layers.1.blocks.0"
    cases = {
        f"{block}.attn.proj.weight is 3×2, and the network .* needs 16×16": good
        | {f"{block}.attn.proj.weight": torch.ones(3, 2)},
        f"has no tensor {block}.attn.qkv.weight": {
            k: t for k, t in good.items() if k != f"{block}.attn.qkv.weight"
        },
        "has no tensor patch_embed.proj.weight: it is no Swin": {"fc.weight": torch.ones(2, 2)},
        f"{block}.norm1.weight has 2 dimensions": good | {f"{block}.norm1.weight": torch.ones(2, 2)},
        "has a tensor absolute_pos_embed": good | {"absolute_pos_embed": torch.ones(1, 81, 8)},
    }
    for message, tensors in cases.items():
        torch.save({"model": tensors}, tmp_path / "S3.pth")
        with pytest.raises(Failure, match=message) as failure:
            from_file(tmp_path / "S3.pth", image=36)
        assert failure.value.remedy.startswith("give a file of timm's Swin")
    torch.save({"model": good}, tmp_path / "S3.pth")
    with pytest.raises(Failure, match=r"no network for images of 16 pixels: .* larger than its") as failure:
        from_file(tmp_path / "S3.pth", image=16)
    assert failure.value.remedy == "say --image"
