"""A network in timm and in transformers: the same weights and numbers, and what each asks of a model."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
import torch.nn.functional as F
from attrs import evolve
from networks import AWKWARD, draw, shipped, stirred
from PIL import Image
from timm.models import FeatureListNet  # noqa: F401  (timm's own names must be there before ours)
from timm.models._features import FeatureInfo
from torchvision.ops import FeaturePyramidNetwork

from spacelang import notation
from spacelang.lower.lowered import lower
from spacelang_runtime.export import timm_model
from spacelang_runtime.export.swin import to_swin
from spacelang_runtime.export.swin import write as write_swin
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.convert import of_swin
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import load, preprocessing_of, record_of, save
from spacelang_runtime.preprocessing import Preprocessing

FOUR = "i32-p2-c7/8:h2q8m2w4,h1q8m2w8/16:2xh2q12m2w4/16:h2q16m2w4/24:h2q16m2w2"


def network(name: str, seed: int = 0) -> Network:
    line = notation.read(name) if "/" in name else draw(lower(AWKWARD[name]), random.Random(seed))
    return stirred(Network(line), seed).eval()


def images(model: Network, batch: int = 2) -> torch.Tensor:
    frame = model.architecture.frame
    generator = torch.Generator().manual_seed(3)
    return torch.randn(batch, frame.channels, frame.image, frame.image, generator=generator)


@pytest.fixture(params=[*AWKWARD, FOUR])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    save(network(request.param), tmp_path / "model", {})
    return tmp_path / "model"


# timm


def create(folder: Path, **arguments: object) -> timm_model.TimmNetwork:
    return timm.create_model(f"local-dir:{folder}", pretrained=True, **arguments).eval()


def test_timm_reads_the_folder_bit_for_bit(folder: Path) -> None:
    ours, theirs = load(folder), create(folder)
    assert torch.equal(theirs(images(ours)), ours(images(ours)))
    assert all(torch.equal(theirs.state_dict()[key], tensor) for key, tensor in ours.state_dict().items())
    again = Network(ours.architecture).eval()
    again.load_state_dict(theirs.state_dict())
    assert torch.equal(again(images(ours)), ours(images(ours)))


def test_timm_is_told_what_the_network_is(folder: Path) -> None:
    model = create(folder)
    cfg, state, frame = model.pretrained_cfg, model.state_dict(), model.architecture.frame
    assert tuple(cfg["input_size"]) == (frame.channels, frame.image, frame.image)
    assert f"{cfg['classifier']}.weight" in state
    assert f"{cfg['first_conv']}.weight" in state
    found = model.forward_features(images(model))
    if frame.token == "none":
        assert tuple(found.shape) == (2, model.num_features, *cfg["pool_size"])
    assert torch.equal(model.forward_head(found), model(images(model)))
    assert model.forward_head(found, pre_logits=True).shape == (2, model.num_features)


def test_the_classifier_can_be_taken_off_and_the_pooling_too(folder: Path) -> None:
    model = create(folder)
    assert model.get_classifier().out_features == model.num_classes
    model.reset_classifier(0)
    assert model(images(model)).shape == (2, model.num_features)
    model.reset_classifier(0, "")
    assert torch.equal(model(images(model)), model.forward_features(images(model)))
    model.reset_classifier(3, "avg")
    assert model(images(model)).shape == (2, 3)
    with pytest.raises(ValueError, match="global_pool is one of"):
        model.reset_classifier(3, "max")


@pytest.mark.parametrize("name", ["spacelang_s3_tiny", "spacelang_swin_tiny"])
def test_forward_and_backward_of_timms_own_suite(name: str) -> None:
    model = timm.create_model(name, num_classes=42, drop_path_rate=0.1)
    model.set_grad_checkpointing()
    outputs = model.train()(torch.randn(2, 3, 64, 64))
    outputs.mean().backward()
    assert outputs.shape == (2, 42)
    assert outputs.isfinite().all()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_released_networks_are_the_shipped_ones() -> None:
    for name, line in timm_model.RELEASED.items():
        assert notation.read(line) == shipped(name.removeprefix("spacelang_")).largest
        assert timm.is_model(name)


def test_timms_features_have_the_channels_and_strides_that_they_announce(folder: Path) -> None:
    ours = load(folder)
    model = create(folder, features_only=True)
    maps = model(images(ours))
    side = ours.architecture.frame.image
    assert model.feature_info.channels() == list(ours.channels)
    assert model.feature_info.reduction() == list(ours.strides)
    for found, expected, channels, stride in zip(
        maps, ours.features(images(ours)), ours.channels, ours.strides, strict=True
    ):
        assert found.shape == (2, channels, -(-side // stride), -(-side // stride))
        assert torch.equal(found, expected)
    first = create(folder, features_only=True, out_indices=(0,))
    assert torch.equal(first(images(ours))[0], maps[0])
    assert sum(p.numel() for p in first.parameters()) <= sum(p.numel() for p in model.parameters())


def test_timms_intermediates_agree_with_its_features(folder: Path) -> None:
    model = create(folder)
    info = FeatureInfo(model.feature_info, len(model.feature_info))
    last, maps = model.forward_intermediates(images(model))
    assert torch.equal(last, model.forward_features(images(model)))
    assert [m.shape[1] for m in maps] == info.channels(list(range(len(maps))))
    (only,) = model.forward_intermediates(images(model), indices=1, intermediates_only=True)
    assert torch.equal(only, maps[-1])
    (normed,) = model.forward_intermediates(images(model), indices=1, norm=True, intermediates_only=True)
    tokens = last if last.dim() == 3 else last.flatten(2).transpose(1, 2)
    torch.testing.assert_close(normed.flatten(2).transpose(1, 2), tokens[:, model.head.first :])


def test_timm_adapts_classes_and_channels(folder: Path) -> None:
    model = create(folder, num_classes=3, in_chans=5 - load(folder).architecture.frame.channels)
    assert model(images(model)).shape == (2, 3)
    for name, parameter in load(folder).named_parameters():
        if not name.startswith(("stem.patches", "head.classify")):
            assert torch.equal(model.state_dict()[name], parameter)


def test_a_network_without_a_name_is_asked_for() -> None:
    with pytest.raises(ValueError, match="which network"):
        timm.create_model("spacelang")
    assert timm.create_model("spacelang", network=FOUR)(torch.randn(1, 3, 32, 32)).shape == (1, 7)


def test_a_pyramid_of_torchvision_learns_on_timms_features() -> None:
    backbone = timm.create_model("spacelang", network=FOUR, features_only=True)
    pyramid = FeaturePyramidNetwork(backbone.feature_info.channels(), 8)
    maps = backbone(torch.randn(2, 3, 50, 38))
    levels = pyramid({str(level): found for level, found in enumerate(maps)})
    loss = sum(level.square().mean() for level in levels.values())
    loss.backward()
    assert loss.isfinite()
    learned = [*backbone.named_parameters(), *pyramid.named_parameters()]
    assert [name for name, parameter in learned if parameter.grad is None or not parameter.grad.any()] == []


def test_upernet_of_transformers_learns_on_timms_features(hf, tmp_path: Path) -> None:
    from transformers import TimmBackboneConfig, UperNetConfig, UperNetForSemanticSegmentation
    from transformers.models.timm_backbone import TimmBackbone

    ours = network(FOUR)
    save(ours, tmp_path, {})
    stages, name = [0, 1, 2, 3], f"local-dir:{tmp_path}"
    config = UperNetConfig(
        backbone_config=TimmBackboneConfig(backbone=name, out_indices=stages), hidden_size=16,
        pool_scales=[1, 2], num_labels=4, auxiliary_in_channels=16, auxiliary_channels=8,
    )  # fmt: skip
    model = UperNetForSemanticSegmentation(config)
    model.backbone = TimmBackbone.from_pretrained(name, out_indices=stages)
    assert torch.equal(model.backbone.eval()(images(ours)).feature_maps[3], ours.features(images(ours))[3])
    found = model.train()(torch.randn(2, 3, 50, 38), labels=torch.randint(0, 4, (2, 50, 38)))
    found.loss.backward()
    assert found.loss.isfinite()
    assert [part for part, parameter in model.named_parameters() if parameter.grad is None] == []


# timm's own Swin


@pytest.mark.parametrize("name", ["s3_tiny", "s3_small", "s3_base", "swin_tiny"])
def test_weights_go_to_timms_swin_and_back(name: str) -> None:
    """With two layers in each stage, of which the second is shifted: those after them repeat these."""
    whole = shipped(name).largest
    ours = stirred(
        Network(evolve(whole, stages=tuple(evolve(stage, layers=stage.layers[:2]) for stage in whole.stages)))
    ).eval()
    back = of_swin(to_swin(ours))
    assert back.architecture == ours.architecture
    assert all(torch.equal(back.state_dict()[key], tensor) for key, tensor in ours.state_dict().items())


def test_timms_swin_runs_without_us(tmp_path: Path) -> None:
    ours = network("i32-p2-c7/8:2xh2q8m2w4/16:2xh2q12m1.5w8/32:h4q16m2w4")
    write_swin(ours, tmp_path, {})
    theirs = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    assert type(theirs).__module__ == "timm.models.swin_transformer"
    torch.testing.assert_close(theirs(images(ours)), ours(images(ours)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (FOUR, "layers of stage 1 differ"),
        ("i32-p2-c7/8:h2q8m2w4/24:h2q8m2w4", "stage 2 is 24 wide"),
        ("i32-p2-c7/8:2xh2q8m2wg", "other positions"),
        ("i32-p2-c7-bias-norm/8:2xh2q8m2wg", "global windows"),
        ("i32-p2-c7/8:2xh2q8m2w5/16:h2q8m2w4", "pads its 16×16 map to windows of 5"),
    ],
)
def test_what_is_no_swin_of_timm_is_refused(line: str, message: str) -> None:
    with pytest.raises(Failure, match=message):
        to_swin(network(line))


# transformers


@pytest.fixture
def hf() -> object:
    pytest.importorskip("transformers", minversion="5.1", reason="transformers 5.1 is not installed")
    from spacelang_runtime.export import hf_model

    return hf_model


def test_transformers_reads_the_folder_and_its_own_bit_for_bit(hf, folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForImageClassification

    ours = load(folder)
    first = AutoModelForImageClassification.from_pretrained(folder)
    first.save_pretrained(tmp_path / "again")
    again = AutoModelForImageClassification.from_pretrained(tmp_path / "again")
    for model in (first, again):
        assert torch.equal(model(images(ours)).logits, ours(images(ours)))
        assert all(torch.equal(model.network.state_dict()[key], t) for key, t in ours.state_dict().items())
    assert again.config.num_labels == ours.architecture.frame.classes


def test_transformers_gives_the_names_of_the_classes_and_the_loss(hf, tmp_path: Path) -> None:
    ours = network(FOUR)
    save(ours, tmp_path, {"classes": list("abcdefg")})
    model = hf.SpacelangForImageClassification.from_pretrained(tmp_path)
    assert model.config.id2label == dict(enumerate("abcdefg"))
    labels = torch.tensor([0, 6])
    found = model(images(ours), labels=labels)
    torch.testing.assert_close(found.loss, F.cross_entropy(ours(images(ours)), labels))


def test_what_transformers_saves_is_a_model_of_ours_again(hf, tmp_path: Path) -> None:
    ours = network(FOUR)
    save(ours, tmp_path / "model", {"classes": list("abcdefg"), "space": "s", "accuracy": "50 %"})
    first = hf.SpacelangForImageClassification.from_pretrained(tmp_path / "model")
    first.save_pretrained(tmp_path / "same")
    assert torch.equal(load(tmp_path / "same")(images(ours)), ours(images(ours)))
    other = hf.SpacelangForImageClassification.from_pretrained(
        tmp_path / "model", id2label={0: "yes", 1: "no", 2: "maybe"}, ignore_mismatched_sizes=True
    ).eval()
    other.save_pretrained(tmp_path / "other")
    assert torch.equal(load(tmp_path / "other")(images(ours)), other(images(ours)).logits)
    assert load(tmp_path / "other").architecture.frame.classes == 3
    assert record_of(tmp_path / "other")["label_names"] == ["yes", "no", "maybe"]
    notes = record_of(tmp_path / "other")["notes"]
    assert notes == {"space": "s", "classes": ["yes", "no", "maybe"]}, "its accuracy was that of other weights"


def test_what_transformers_saves_states_its_preprocessing_as_before(hf, tmp_path: Path) -> None:
    from transformers import AutoImageProcessor

    preprocessing = Preprocessing(0.9, "bilinear", (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    save(network(FOUR), tmp_path / "model", {}, preprocessing=preprocessing)
    hf.SpacelangForImageClassification.from_pretrained(tmp_path / "model").save_pretrained(tmp_path / "again")
    assert preprocessing_of(tmp_path / "again") == preprocessing_of(tmp_path / "model") == preprocessing
    photo = Image.effect_noise((70, 45), 60).convert("RGB")
    first, again = (AutoImageProcessor.from_pretrained(tmp_path / name) for name in ("model", "again"))
    pixels = first(photo, return_tensors="pt")["pixel_values"]
    frame = load(tmp_path / "model").architecture.frame
    assert pixels.shape == (1, frame.channels, frame.image, frame.image)
    assert torch.equal(again(photo, return_tensors="pt")["pixel_values"], pixels)


def test_a_backbone_gives_the_stages_that_are_asked_for(hf, tmp_path: Path) -> None:
    from transformers import AutoBackbone

    ours = network(FOUR)
    save(ours, tmp_path / "model", {})
    maps = ours.features(images(ours))
    backbone = hf.SpacelangBackbone.from_pretrained(tmp_path / "model", out_indices=[0, 2])
    assert backbone.channels == [8, 16]
    assert backbone.out_features == ["stage1", "stage3"]
    assert all(torch.equal(a, b) for a, b in zip(backbone(images(ours)).feature_maps, maps[::2], strict=True))
    backbone.save_pretrained(tmp_path / "backbone")
    again = hf.SpacelangBackbone.from_pretrained(tmp_path / "backbone", out_features=["stage4"])
    assert torch.equal(again(images(ours)).feature_maps[0], maps[3])
    fresh = AutoBackbone.from_config(hf.SpacelangConfig.of(ours.architecture, out_indices=[1]))
    assert fresh(images(ours)).feature_maps[0].shape == maps[1].shape


def test_autobackbone_takes_the_folder_once_the_hub_is_not_asked_for_it(hf, tmp_path: Path, monkeypatch) -> None:
    """transformers asks `repo_exists` of any name before it reads anything, and that is all that is in the way."""
    import huggingface_hub
    from transformers import AutoBackbone

    monkeypatch.setattr(huggingface_hub.HfApi, "repo_exists", lambda *_: True)
    monkeypatch.setattr("transformers.models.auto.auto_factory.repo_exists", lambda _: True, raising=False)
    ours = network(FOUR)
    save(ours, tmp_path / "model", {})
    backbone = AutoBackbone.from_pretrained(tmp_path / "model", out_indices=[1, 3])
    assert type(backbone) is hf.SpacelangBackbone
    maps = ours.features(images(ours))
    assert all(torch.equal(a, b) for a, b in zip(backbone(images(ours)).feature_maps, maps[1::2], strict=True))


@pytest.mark.parametrize("checkpointing", [False, True])
def test_upernet_learns_on_the_backbone_of_a_folder(hf, checkpointing: bool, tmp_path: Path) -> None:
    from transformers import UperNetConfig, UperNetForSemanticSegmentation

    ours = network(FOUR)
    save(ours, tmp_path, {})
    backbone = hf.SpacelangBackbone.from_pretrained(tmp_path, out_indices=[0, 1, 2, 3], drop_path_rate=0.1)
    config = UperNetConfig(
        backbone_config=backbone.config, hidden_size=16, pool_scales=[1, 2], num_labels=4,
        auxiliary_in_channels=16, auxiliary_channels=8,
    )  # fmt: skip
    model = UperNetForSemanticSegmentation(config)
    model.backbone = backbone
    assert torch.equal(model.backbone(images(ours)).feature_maps[3], ours.features(images(ours))[3])
    model.train()
    model.backbone.gradient_checkpointing = checkpointing
    found = model(torch.randn(2, 3, 50, 38), labels=torch.randint(0, 4, (2, 50, 38)))
    found.loss.backward()
    assert found.loss.isfinite()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_a_config_without_a_network_is_refused(hf) -> None:
    with pytest.raises(ValueError, match="no network"):
        hf.SpacelangForImageClassification(hf.SpacelangConfig())


# torch


FORMS: dict[str, Callable[[Network, torch.Tensor], tuple[torch.nn.Module, torch.Tensor]]] = {
    "compiled": lambda model, x: (torch.compile(model, backend="eager", fullgraph=True), x),
    "channels last": lambda model, x: (
        model.to(memory_format=torch.channels_last),
        x.contiguous(memory_format=torch.channels_last),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_torch_changes_the_form_and_not_the_numbers(form: str) -> None:
    model = network(FOUR)
    expected = model(images(model))
    torch._dynamo.reset()  # sizes that a process compiles for twice become symbols, which takes minutes
    changed, x = FORMS[form](model, images(model))
    torch.testing.assert_close(changed(x), expected, rtol=1e-4, atol=1e-4)


def test_for_images_of_another_size_what_has_places_is_stretched_bicubically() -> None:
    small = network("i8-p2-c4-absolute+bias/8:2xh2q8m2wg")
    frame = small.architecture.frame
    large = Network(evolve(small.architecture, frame=evolve(frame, image=12))).eval()
    weights = small.state_dict()
    for name, tensor in weights.items():
        if name.endswith("attention.bias"):
            weights[name] = F.interpolate(tensor[None], size=11, mode="bicubic")[0]
    places = weights["tokens.absolute"].t().reshape(1, 8, 4, 4)
    weights["tokens.absolute"] = F.interpolate(places, size=6, mode="bicubic").flatten(2)[0].t()
    large.load_state_dict(weights)
    torch.testing.assert_close(small(images(large)), large(images(large)))


@pytest.mark.parametrize("name", ["pyramid with all positions", "column read by its token", FOUR])
def test_bf16_is_bf16_throughout(name: str) -> None:
    model = network(name)
    expected = model(images(model))
    found = model.bfloat16()(images(model).bfloat16())
    assert found.dtype == torch.bfloat16
    assert (found - expected).abs().max() < 0.1 * expected.abs().max()
