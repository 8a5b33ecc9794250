"""One right file of every kind that the project reads, in the folder at hand, each with what reads it."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import torch
from fuzz import ROOT, Door, changed

import spacelang as sl
from spacelang import notation
from spacelang.architecture import NotAnArchitecture
from spacelang.cli import main
from spacelang.lower.costs import blocks
from spacelang.lower.lowered import lower
from spacelang_runtime.data import cache
from spacelang_runtime.engine.create import create_with
from spacelang_runtime.engine.provenance import provenance
from spacelang_runtime.engine.record import Data, Initial, Limits, Record
from spacelang_runtime.engine.run import RunFolder, find, open_run
from spacelang_runtime.engine.supernet import trained_at
from spacelang_runtime.failure import Failure
from spacelang_runtime.nn import saved, swin_file
from spacelang_runtime.refine.refinement import Refinement, Round, begun, keep
from spacelang_runtime.report.search_summary import summary_of
from spacelang_runtime.search.target import best_of
from spacelang_runtime.tasks.recipe_text import folder as recipes
from spacelang_runtime.tasks.recipe_text import named
from spacelang_runtime.tasks.transfer.run import read_recipe, write_recipe

RUNS, MODEL = Path("runs"), Path("model")
BARE = Path("bare")  # the model, of whose weights the folder states no digest: all that is in them is read
SEARCH = ("population=4", "parents=2", "generations=1", "crossover=1", "mutation=1")

BLOCK = "layers.0.blocks.0"
SWIN = {
    "patch_embed.proj.weight": (8, 3, 4, 4),
    "patch_embed.norm.weight": (8,),
    "head.fc.weight": (2, 8),
    f"{BLOCK}.norm1.weight": (8,),
    f"{BLOCK}.attn.relative_position_bias_table": (169, 2),
    f"{BLOCK}.attn.qkv.weight": (24, 8),
    f"{BLOCK}.mlp.fc1.weight": (32, 8),
}


def doors() -> dict[str, Door]:
    """The doors by format; what they need is made first."""
    space = Path("digits.space")
    space.write_text((ROOT / "spaces" / "digits.space").read_text(encoding="utf-8"), encoding="utf-8")
    if not MODEL.exists():
        prepared("train", "digits.space", "--steps", "2", "--set", "batch=16")
        prepared("evolve", "--images", "50", *(word for line in SEARCH for word in ("--set", line)))
        few = ("samples=4", "top=1", "per_choice=2")
        prepared("judge", "--images", "50", *(word for line in few for word in ("--set", line)))
        prepared("export", "best", "-o", "model")
    shutil.copytree(MODEL, BARE, dirs_exist_ok=True)
    record = saved.record_of(MODEL)
    del record["notes"][saved.DIGEST]
    (BARE / saved.CONFIG).write_text(json.dumps(record))
    run = find(RUNS, "digits-1")
    lowered = lower(run.space)
    folder, table = run.folder, Path("latency.json")
    entries = {key: 1 + len(key) / 8 for key in blocks(lowered.legal)}
    table.write_text(json.dumps({"measure": "latency", "unit": "ms", "entries": entries}))
    network = Path("network.json")
    network.write_text(json.dumps(saved.record_of(MODEL)["network"]))
    line = Path("network.txt")
    line.write_text(notation.write(lowered.largest))
    recipe = Path("recipe.toml")
    recipe.write_bytes((recipes() / "camvid.toml").read_bytes())
    swin = Path("swin.pth")
    torch.save({"model": {name: torch.ones(shape) for name, shape in SWIN.items()}}, swin)
    digits, kept = sl.load("digits.space"), torch.load(folder / "checkpoint.pt", weights_only=True)
    refinement = begun(RUNS, "digits", {"steps": 2})
    keep(Refinement(refinement.folder, refinement.asked, (Round("digits.space", "digits-1", 0.5),)))
    return {
        "space": Door(space, told("check", "digits.space")),
        "space.json": Door(folder / "space.json", lambda: lower(find(RUNS, "digits-1").space).smallest),
        "table": Door(table, lambda: digits.with_costs("latency.json").range("latency")),
        "network.json": Door(network, told("inspect", "network.json")),
        "line": Door(line, lambda: _line(line)),
        "config.json": Door(MODEL / "config.json", _model),
        "model.safetensors": Door(BARE / "model.safetensors", lambda: saved.load(BARE)),
        "swin.pth": Door(swin, lambda: swin_file.architecture_of(swin_file.tensors(swin), 224, "swin.pth")),
        "checkpoint.pt": Door(folder / "checkpoint.pt", lambda: trained_at(run, lowered, torch.device("cpu"))),
        "values of checkpoint.pt": Door(
            folder / "checkpoint.pt",
            lambda: trained_at(run, lowered, torch.device("cpu")),
            lambda _, luck: _saved(changed(kept, luck)),
        ),
        "journal.sqlite": Door(folder / "journal.sqlite", lambda: (summary_of(run), told("inspect", "digits-1")())),
        "own.sqlite": Door(_own_scores(digits), lambda: _searched(digits)),
        "run.json": Door(folder / "run.json", told("inspect", "digits-1")),
        "state.json": Door(folder / "state.json", told("inspect", "digits-1")),
        "best.json": Door(folder / "best.json", lambda: (_best(), told("inspect", "digits-1")())),
        "judgement.json": Door(folder / "judgement.json", told("inspect", "digits-1")),
        "refinement.json": Door(refinement.folder / "refinement.json", lambda: begun(RUNS, "digits", {"steps": 2})),
        "recipe.toml": Door(recipe, lambda: named("recipe.toml", "segment", [])),
        **_transfers(),
        **_decoded(),
    }


def told(*words: str) -> Callable[[], object]:
    """A command as a door; it ends by SystemExit, with 0 where all is well."""

    def run() -> None:
        sys.argv = ["spacelang", *words]
        try:
            main()
        except SystemExit as end:
            if end.code not in (0, None):
                raise

    return run


def prepared(*words: str) -> None:
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as said:
        try:
            told(*words)()
        except SystemExit:
            raise SystemExit(f"{' '.join(words)}: {said.getvalue()}") from None


def _saved(record: object) -> bytes:
    """A checkpoint whose sums are right, whatever its values are."""
    file = io.BytesIO()
    torch.save(record, file)
    return file.getvalue()


def _model() -> None:
    network = saved.load(MODEL)
    saved.preprocessing_of(MODEL)
    saved.class_names(network.architecture, saved.notes_of(MODEL))
    told("inspect", "model")()


def _line(path: Path) -> None:
    """A network's line, as a word of a command: none of these has a null character."""
    word = path.read_bytes().decode("utf-8", "replace").replace("\0", "")
    try:
        notation.read(word)
    except NotAnArchitecture as reason:
        raise Failure(str(reason)) from None
    told("inspect", "--", word)()


def _best() -> None:
    run = find(RUNS, "digits-1")
    provenance(run, best_of(run))


OWN = {"population": 4, "parents": 2, "generations": 2, "crossover": 1, "mutation": 1}


def _own_scores(digits: sl.Space) -> Path:
    """A journal of scores of one's own."""
    path = Path("own.sqlite")
    path.unlink(missing_ok=True)
    sl.search(digits, lambda one: one.depth, candidates=6, settings=OWN, journal=path)
    return path


def _searched(digits: sl.Space) -> None:
    for left in Path().glob("own.sqlite-*"):
        left.unlink()
    with sl.Searcher(digits, candidates=8, settings=OWN, journal="own.sqlite") as searcher:
        searcher.ask()


def _transfers() -> dict[str, Door]:
    """The files of a transfer that began, and the one file of a transfer of an earlier version."""
    recipe, labels = named("camvid", "segment", []), {"classes": ["a", "b"]}
    record = Record(
        task="segment",
        data=Data("camvid", "camvid", "0"),
        limits=Limits(10, 5.0),
        device="cpu",
        command=("transfer", "segment"),
        initial=Initial("model"),
    )
    run = create_with(RUNS, record, "segment-camvid", lambda folder: write_recipe(folder, recipe, labels))
    earlier = RUNS / "segment-earlier-1"
    earlier.mkdir(exist_ok=True)
    values = {
        "format": "spacelang.transfer/1",
        **json.loads((run.folder / "recipe.json").read_text()),
        "model": "model",
        "random": False,
        "bert": None,
        "data": "camvid",
        "fingerprint": "0",
        "limits": {"steps": 10, "budget": 5.0},
        "device": "cpu",
        "command": ["transfer"],
        "overrides": ["batch=2"],
        "processes": 1,
        "name": earlier.name,
        "created": "2026-01-01T00:00:00+00:00",
        "versions": {},
    }
    (earlier / "transfer.json").write_text(json.dumps(values))

    def whole(folder: Path) -> None:
        opened = open_run(folder)
        assert opened is not None
        read_recipe(opened)

    return {
        "recipe.json": Door(run.folder / "recipe.json", lambda: read_recipe(RunFolder(run.folder, record))),
        "run.json of a transfer": Door(run.folder / "run.json", lambda: whole(run.folder)),
        "transfer.json": Door(earlier / "transfer.json", lambda: whole(earlier)),
    }


def _decoded() -> dict[str, Door]:
    """What finds a set of decoded images, and its index."""
    cache.ready()
    place = cache.home() / "ab"
    place.mkdir(parents=True, exist_ok=True)
    (place / "pixels").write_bytes(bytes(48))
    about = {"format": cache.FORMAT, "of": "photos", "channels": 3, "shapes": [[4, 4]], "broken": [[0, "cut off"]]}
    (place / "index.json").write_text(json.dumps(about))

    def indexed() -> None:
        cache.every()
        if cache.complete(place):
            cache.read(place)

    key = cache.home() / "cd.json"
    key.write_text(json.dumps({"format": cache.FORMAT, "set": "ab"}))
    return {
        "index.json": Door(place / "index.json", indexed),
        "KEY.json": Door(key, lambda: cache.found("cd")),
    }
