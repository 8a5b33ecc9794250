"""`spacelang predict`, and `model.predict` in Python: what photos show, by name."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from image_folder import image_folder, write_image
from PIL import Image

import spacelang as sl
from spacelang import notation
from spacelang_runtime.nn.network import Network
from spacelang_runtime.nn.saved import save
from spacelang_runtime.preprocessing import Preprocessing

CLASSES = ("ant", "bee", "cat")
DIGITS = str(Path(__file__).resolve().parents[2] / "spaces" / "digits.space")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model `m`, and photos of its classes."""
    torch.manual_seed(0)
    network = Network(notation.read("i16-p4-c3/16:h2q16m2w4"))
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.add_(0.5 * torch.randn_like(tensor))
    save(network.eval(), tmp_path / "m", {"classes": list(CLASSES)}, preprocessing=Preprocessing(0.9))
    image_folder(tmp_path / "photos", train=1, val=40)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_as_many_photos_are_right_as_when_the_model_is_tested(spacelang, here: Path) -> None:
    (row,) = json.loads(spacelang("eval", "m", "--data", "photos", "--json").out)
    for workers in ("0", "2"):
        said = spacelang("predict", "m", "photos/val", "--json", "--workers", workers)
        assert said.code == 0, said.err
        found = json.loads(said.out)
        right = [one["classes"][0]["class"] == Path(one["photo"]).parent.name for one in found]
        assert len(right) == 120
        assert sum(right) / 120 == row["top1"]
    assert 0 < row["top1"] < 1


def test_shares_come_by_name_the_likeliest_first_and_add_up(spacelang, here: Path) -> None:
    said = spacelang("predict", "m", "photos/val/ant/000.png", "photos/val/bee", "--json")
    found = json.loads(said.out)
    assert [one["photo"] for one in found] == [
        "photos/val/ant/000.png",
        *(f"photos/val/bee/{n:03d}.png" for n in range(40)),
    ]
    for one in found:
        shares = [each["share"] for each in one["classes"]]
        assert {each["class"] for each in one["classes"]} == set(CLASSES)
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1)
    first = found[0]["classes"]
    plain = spacelang("predict", "m", "photos/val/ant/000.png", "--top", "2").out
    told = "  ".join(f"{each['class']} {each['share']:.1%}" for each in first[:2])
    assert plain == f"photos/val/ant/000.png  {told}\n"


def test_python_says_the_same(spacelang, here: Path) -> None:
    model = sl.load_model("m")
    assert model.classes == CLASSES
    found = model.predict(["photos/val/ant", Path("photos/val/bee/001.png")], top=2, workers=0)
    said = spacelang("predict", "m", "photos/val/ant", "photos/val/bee/001.png", "--top", "2", "--json")
    assert [one.record() for one in found] == json.loads(said.out)
    assert found.records()[0]["class"] == found[0].best == found[0].shares[0][0]
    assert len(model.predict("photos/val/ant/000.png")) == 1
    assert "<table>" in found._repr_html_()
    with pytest.raises(sl.Failure, match="there is no file nowhere"):
        model.predict("nowhere")


def test_what_cannot_be_read_is_named_and_the_others_are_told(spacelang, here: Path, monkeypatch) -> None:
    Path("photos/val/ant/half.jpg").write_bytes(b"\xff\xd8\xff")
    Path("photos/val/ant/notes.txt").write_text("no photo")
    write_image(Path("photos/val/ant/.hidden/x.png"), 1)
    said = spacelang("predict", "m", "photos/val/ant")
    assert said.code == 0
    assert len(said.out.splitlines()) == 40
    assert "skipped: photos/val/ant/half.jpg: " in said.err
    monkeypatch.setattr("sys.stdin", io.StringIO("photos/val/ant/000.png\n\ngone.jpg\n"))
    said = spacelang("predict", "m", "-", "--json")
    first, second = json.loads(said.out)
    assert first["photo"] == "photos/val/ant/000.png"
    assert second == {"photo": "gone.jpg", "broken": "No such file or directory"}
    assert spacelang("predict", "m", "photos/val/ant/half.jpg").code == 1


def test_a_contact_sheet_shows_every_photo(spacelang, here: Path) -> None:
    said = spacelang("predict", "m", "photos/val/bee", "-o", "out/sheet.png")
    assert said.code == 0, said.err
    with Image.open("out/sheet.png") as sheet:
        wide, high = sheet.size
    assert wide == 8 + 6 * 168
    assert high == 8 + 7 * (160 + 16 * 4 + 16)
    assert "name a .png, .jpg or .webp file" in spacelang("predict", "m", "photos/val/bee", "-o", "sheet.gif").err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("m",), "which photos?"),
        (("m", "nowhere.jpg"), "there is no file nowhere.jpg"),
        (("m", "empty"), "there are no photos in empty"),
        (("modle", "photos/val/ant/000.png"), "no run 'modle'"),
        (("m", "photos", "--network", "best"), "m is a model, a network by itself"),
    ],
)
def test_what_is_wrong_is_said(words: tuple[str, ...], expected: str, spacelang, here: Path) -> None:
    Path("empty").mkdir()
    said = spacelang("predict", *words)
    assert said.code == 1
    assert expected in said.err


def test_a_run_answers_too_by_its_best_or_its_largest_network(spacelang, here: Path) -> None:
    image_folder(here / "data", train=8, val=2)
    trained = spacelang(
        "train", DIGITS, "--data", "data", "--steps", "2", "--set", "batch=8", "--set", "holdout=0.1"
    )
    assert trained.code == 0, trained.err
    said = spacelang("predict", "digits-1", "data/val/cat")
    assert said.code == 0, said.err
    assert "largest of digits-1" in said.err
    assert all(name in said.out for name in CLASSES)
    assert spacelang("predict", "data/val/cat").out == said.out, "the latest run, where none is named"
    assert spacelang("export", "largest", "-o", "own").code == 0
    assert spacelang("predict", "own", "data/val/cat").out == said.out
    smallest = spacelang("predict", "digits-1", "data/val/cat", "--network", "smallest")
    assert "smallest of digits-1" in smallest.err


def test_photos_far_from_what_a_network_learned_to_see_are_said_in_one_line(spacelang, here: Path) -> None:
    """A pixel of the network would be more than 32 × 32 of the photo; the usual photos say nothing."""
    near = spacelang("predict", "m", "photos/val/ant/000.png")
    assert "learned to see" not in near.err
    write_image(here / "large" / "1.png", 1, (800, 600))
    write_image(here / "large" / "2.png", 2, (16 * 32, 16 * 32))
    write_image(here / "large" / "3.png", 3, (1, 1))
    said = spacelang("predict", "m", "large")
    assert said.code == 0, said.err
    (line,) = [line for line in said.err.splitlines() if "learned to see" in line]
    assert "images of 16×16 pixels, of 3 classes: ant, bee, cat; of 3 photos, 1 is over 32 times as" in line
    assert "1 is below an eighth as large" in line
    found = json.loads(spacelang("predict", "m", "large", "--json").out)
    assert [one.get("far") for one in found] == [["larger"], None, ["smaller"]]
    assert [one.far for one in sl.load_model("m").predict("large")] == [("larger",), (), ("smaller",)]


def test_colours_are_far_from_a_network_that_sees_grey(spacelang, here: Path) -> None:
    save(Network(notation.read("i16-p4-c3-ch1/16:h2q16m2w4")).eval(), here / "grey", {})
    (here / "mixed").mkdir()
    Image.new("RGB", (20, 16), (128, 128, 130)).save(here / "mixed" / "1.png")
    Image.new("RGB", (20, 16), (200, 80, 30)).save(here / "mixed" / "2.png")
    said = spacelang("predict", "grey", "mixed")
    assert said.code == 0, said.err
    assert (
        "grey images of 16×16 pixels, of 3 classes: class 0, class 1, class 2; of 2 photos, 1 is in col" in said.err
    )
    assert "learned to see" not in spacelang("predict", "m", "mixed").err
