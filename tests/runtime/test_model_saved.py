"""A saved network comes back as it was, and a folder that holds none is answered with the reason."""

from __future__ import annotations

import json
import random
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from networks import AWKWARD, draw, stirred
from safetensors.torch import load_file, save_file

from spacelang import notation
from spacelang.amount import spaced
from spacelang.lower.cost import price
from spacelang.lower.lowered import lower
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import load, save


def network(name: str = "pyramid with all positions", dtype: torch.dtype = torch.float32) -> Network:
    return stirred(Network(draw(lower(AWKWARD[name]), random.Random(4)))).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", AWKWARD)
def test_a_saved_network_comes_back_bit_for_bit(tmp_path: Path, name: str, dtype: torch.dtype) -> None:
    before = network(name, dtype)
    save(before, tmp_path / "new" / "model", {"accuracy": "50 %"})
    after = load(tmp_path / "new" / "model")
    assert after.architecture == before.architecture
    assert not after.training
    weights = after.state_dict()
    assert weights.keys() == before.state_dict().keys()
    assert all(
        weights[key].dtype == dtype and torch.equal(weights[key], t) for key, t in before.state_dict().items()
    )
    notes = json.loads((tmp_path / "new" / "model" / "config.json").read_text())["notes"]
    written = (tmp_path / "new" / "model" / "model.safetensors").read_bytes()
    assert notes == {"accuracy": "50 %", "weights_sha256": sha256(written).hexdigest()}


def test_a_loaded_network_can_learn(tmp_path: Path) -> None:
    save(network(), tmp_path, {})
    after = load(tmp_path)
    frame = after.architecture.frame
    after(torch.randn(1, frame.channels, frame.image, frame.image)).sum().backward()
    assert all(parameter.grad is not None for parameter in after.parameters())


def test_a_missing_folder_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"cannot read .*config\.json: No such file"):
        load(tmp_path)
    save(network(), tmp_path, {})
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(Failure, match=r"cannot read .*model\.safetensors: No such file"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", 'has no "network": .* is no model of spacelang'),
        ('{"network": {"format": "spacelang.architecture/1", "stages": []}}', "'image' is missing"),
    ],
)
def test_a_config_that_describes_nothing_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(Failure, match=message):
        load(tmp_path)


def test_a_width_that_no_tensor_can_have_is_refused(tmp_path: Path) -> None:
    save(network(), tmp_path, {})
    record = json.loads((tmp_path / "config.json").read_text())
    record["network"]["stages"][0]["embed"] = 10**30
    (tmp_path / "config.json").write_text(json.dumps(record))
    with pytest.raises(Failure, match="must be a whole number from 1 to"):
        load(tmp_path)


def test_widths_whose_product_no_tensor_can_have_are_refused(tmp_path: Path) -> None:
    save(network(), tmp_path, {})
    record = json.loads((tmp_path / "config.json").read_text())
    stage = record["network"]["stages"][0]
    stage["embed"], stage["layers"][0]["mlp"] = 10**7, 999_999_999  # the most that each may be
    (tmp_path / "config.json").write_text(json.dumps(record))
    with pytest.raises(Failure, match=r"the architecture in .*config\.json cannot be built"):
        load(tmp_path)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    save(network(), tmp_path, {})
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(Failure, match="damaged or no safetensors file"):
        load(tmp_path)


def test_weights_of_another_network_are_named_with_both_shapes(tmp_path: Path) -> None:
    save(network(), tmp_path, {})
    path = tmp_path / "model.safetensors"
    good = load_file(path)
    shape = "×".join(map(str, good["stem.patches.weight"].shape))
    cases = {
        f"tensor stem.patches.weight is 3×2, and .* needs {shape}": good
        | {"stem.patches.weight": torch.ones(3, 2)},
        "has no tensor head.norm.bias": {key: tensor for key, tensor in good.items() if key != "head.norm.bias"},
        "has a tensor foot, and .* no place": good | {"foot": torch.ones(1)},
        "head.norm.bias is no tensor of weights": good | {"head.norm.bias": good["head.norm.bias"].long()},
    }
    for message, tensors in cases.items():
        save_file(tensors, path)
        with pytest.raises(Failure, match=message):
            load(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="cannot make the folder"):
        save(network(), tmp_path / "file" / "model", {})


def test_the_lines_that_the_card_gives_load_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = network()
    save(saved, tmp_path, {})
    lines = (tmp_path / "README.md").read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(lines, names)
    model = names["model"]
    assert isinstance(model, Network)
    assert model.architecture == saved.architecture


def test_the_card_tells_the_network_its_cost_and_where_it_comes_from(tmp_path: Path) -> None:
    model = network("pyramid")
    notes = {"space": "s", "constraint": "flops <= 4.5G", "accuracy": "50 % of 8", "data": "d", "origin": "run r"}
    save(model, tmp_path, notes)
    card = (tmp_path / "README.md").read_text()
    cost = price(model.architecture)
    for told in (*notes.values(), f"`{model.architecture.digest}`", spaced(cost.flops), spaced(cost.params)):
        assert f"| {told}" in card or f", {told} parameters |" in card
    assert notation.write(model.architecture) in card
    assert "preview" not in card
    save(model, tmp_path / "other", {"preview": True})
    assert "A preview" in (tmp_path / "other" / "README.md").read_text()


def test_another_model_is_never_replaced_unasked(tmp_path: Path) -> None:
    first, second = network("pyramid"), network("column")
    save(first, tmp_path, {})
    save(first, tmp_path, {})  # the same again is no harm
    with pytest.raises(Failure, match="there already") as failure:
        save(second, tmp_path, {})
    assert "--force" in failure.value.remedy
    assert load(tmp_path).architecture == first.architecture
    save(second, tmp_path, {}, force=True)
    assert load(tmp_path).architecture == second.architecture
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("my own")
    with pytest.raises(Failure, match=r"README\.md is there already"):
        save(first, tmp_path / "mine", {})
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["README.md"]


@pytest.mark.parametrize("place", [0.3, 0.6, 0.999])
def test_one_flipped_bit_of_the_weights_is_told(tmp_path: Path, place: float) -> None:
    save(network(), tmp_path, {})
    path = tmp_path / "model.safetensors"
    spoil(path, place)
    with pytest.raises(Failure, match=r"model\.safetensors is not as it was written: its SHA-256 is"):
        load(tmp_path)
    config = tmp_path / "config.json"
    record = json.loads(config.read_text())
    del record["notes"]["weights_sha256"]
    config.write_text(json.dumps(record))
    load(tmp_path)  # a folder that states nothing is read as it is


def spoil(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    content[header + int(place * (len(content) - header))] ^= 1
    path.write_bytes(content)
