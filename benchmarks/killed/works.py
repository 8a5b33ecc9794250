"""The kinds of commands that write, each so small that it takes about a second, and what they need."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import field, frozen

ROOT = Path(__file__).resolve().parents[2]
OFTEN = 0.05  # seconds between two checkpoints
FINISH = 12  # steps of a finish


@frozen
class Work:
    """A command. words: its own. needs: what lies in its folder, by what it is a copy of. kills: as many as are
    asked for by default. ask: the words that tell how a run goes on, from the run's name; None: it has none, and
    the same command goes on. twice: whether what has ended may be refused when it is asked for again."""

    words: tuple[str, ...]
    needs: Mapping[str, str] = field(factory=dict)
    kills: int = 10
    ask: Callable[[str], tuple[str, ...]] | None = None
    twice: bool = False


def _set(word: str, **lines: object) -> tuple[str, ...]:
    return tuple(part for name, value in lines.items() for part in (word, f"{name}={value}"))


FURTHER = _set("--set", batch=32, warmup=0)
JUDGE = _set("--set", samples=8, top=2, per_choice=2)
INTO = ("--into", "next", *JUDGE)
SMALLER = {
    "detect": ({"iterations": 3, "batch": 2}, {"shorter": [24], "longest": 36, "test": 24, "samples": 8}),
}
SPACE = {"tiny.space": "tiny.space"}
PHOTOS = SPACE | {"photos": "photos"}
TRAINED, SEARCHED = PHOTOS | {"runs": "trained"}, PHOTOS | {"runs": "searched"}


def _transfer(task: str) -> Work:
    return Work(
        ("transfer", task, "column", "--data", task, "--recipe", f"{task}.toml", "--workers", "1"),
        {"column": "column", task: task, f"{task}.toml": f"{task}.toml"},
        kills=30,
        ask=lambda run: ("transfer", task, run, "--eval"),
    )


WORKS: Mapping[str, Work] = {
    "train": Work(
        ("train", "tiny.space", "--data", "photos", "--steps", "12", "--workers", "0", "--every", f"{OFTEN}s"),
        PHOTOS,
        kills=100,
        ask=lambda run: ("inspect", run),
    ),
    "evolve": Work(("evolve", "--images", "100"), TRAINED, kills=100),
    "refine": Work(
        ("refine", "tiny.space", "--rounds", "1", "--steps", "4", "--images", "100", *INTO),
        SPACE,
        kills=100,
    ),
    "finetune": Work(
        ("finetune", "model", "--data", "digits", "-o", "tuned", "--steps", "12", *FURTHER),
        {"model": "model"},
        kills=100,
        ask=lambda run: ("inspect", run),
    ),
    "detect": _transfer("detect"),
    "segment": _transfer("segment"),
    "vqa": _transfer("vqa"),
    "finish": Work(("finish", "--share", "100%"), SEARCHED),
    "judge": Work(("judge", "--images", "100", *JUDGE, "--next", "next.space", "--report", "page.html"), TRAINED),
    "eval": Work(("eval", "best", "largest", "--classes"), SEARCHED),
    "report": Work(("report",), SEARCHED),
    "export": Work(("export", "best", "-o", "exported"), SEARCHED),
    "import": Work(("import", "swin.pth", "--image", "32", "-o", "imported"), {"swin.pth": "swin.pth"}),
    "attention": Work(
        ("attention", "--image", "photo.png", "--stage", "1", "-o", "heads"), SEARCHED | {"photo.png": "photo.png"}
    ),
    "predict": Work(
        ("predict", "model", "photo.png", "-o", "sheet.png"), {"model": "model", "photo.png": "photo.png"}
    ),
    "measure": Work(("measure", "tiny.space", "--rounds", "1", "--batch", "1"), SPACE),
    "compile": Work(("compile", "tiny.space", "-o", "tiny.json"), SPACE),
    "fmt": Work(("fmt", "loose.space"), {"loose.space": "loose.space"}),
    "new": Work(("new", "mine"), twice=True),
    "cache": Work(("cache", "--clear"), {"cache": "cache"}),
}
# Under torchrun, of several processes: long enough to be met.
JOB = Work(("evolve", "--images", "100", *_set("--set", generations=12)), TRAINED, kills=4)
BRIEF = ("check", "explain", "inspect", "sample", "diff", "lsp")  # they write nothing


def make(folder: Path, command: Callable[[Path, tuple[str, ...]], None]) -> None:
    """Put all that the works need into an empty folder. command: runs one there."""
    here = Path(__file__).parent
    text = (here / "tiny.space").read_text(encoding="utf-8")
    (folder / "tiny.space").write_text(text, encoding="utf-8")
    (folder / "loose.space").write_text(text.replace("  ", "      "), encoding="utf-8")
    _pictures(folder)
    command(folder, ("train", "tiny.space", "--data", "photos", "--steps", "20"))
    shutil.copytree(folder / "runs", folder / "trained")
    command(folder, ("evolve", "--images", "100"))
    shutil.copytree(folder / "runs", folder / "searched")
    command(folder, ("export", "best", "-o", "model"))
    shutil.rmtree(folder / "runs")
    _imported(folder / "swin.pth")


def _pictures(folder: Path) -> None:
    """Photos, and data and recipes of the tasks: coloured rectangles, as the tests have them."""
    sys.path.append(str(ROOT / "tests" / "runtime"))
    from image_folder import image_folder, write_image
    from tiny_transfer import MAKE, RECIPES, TRAIN, network

    from spacelang_runtime.nn.saved import save

    image_folder(folder / "photos", train=20, val=4, classes=tuple("abcdefghij"), size=(10, 9))
    write_image(folder / "photo.png", 1, (8, 8))
    save(network("column"), folder / "column", {})
    for task, fill in MAKE.items():
        fill(folder / task, 3)
        train, own = SMALLER.get(task, ({"iterations": 4, "evaluations": 2}, {}))
        sections = {"train": TRAIN | train, task: RECIPES[task] | own}
        lines = [f'task = "{task}"']
        for section, values in sections.items():
            lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        (folder / f"{task}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _imported(path: Path) -> None:
    import torch
    from timm.models.swin_transformer import SwinTransformer

    torch.manual_seed(0)
    made = SwinTransformer(
        img_size=32, patch_size=4, embed_dim=8, depths=(1, 1), num_heads=(1, 2), window_size=4, num_classes=10
    )
    torch.save(made.state_dict(), path)
