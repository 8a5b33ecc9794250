"""The main job from the command line: a text becomes a model; and what people get wrong."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import processes
import pytest
import torch
from image_folder import image_folder

from spacelang.lower.costs import blocks
from spacelang.lower.lowered import lower
from spacelang_runtime.app import whole as running
from spacelang_runtime.app.latency import processor
from spacelang_runtime.engine.run import find
from spacelang_runtime.nn.saved import load
from spacelang_runtime.report.search_summary import summary_of
from spacelang_runtime.search.journal_file import open_journal

ROOT = Path(__file__).resolve().parents[2]
DIGITS = str(ROOT / "spaces" / "digits.space")
SMALL_SEARCH = ("population=6", "parents=3", "generations=3", "crossover=3", "mutation=3")


def settings(names: tuple[str, ...]) -> list[str]:
    return [word for name in names for word in ("--set", name)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, done_in) -> Path:
    """A folder with a run `digits-1` of a few steps, to be copied from and not to be written to."""
    folder = tmp_path_factory.mktemp("trained")
    done_in(folder, "train", DIGITS, "--steps", "20", "--set", "batch=32")
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of that folder, as the working directory."""
    subprocess.run(["cp", "-r", str(trained / "runs"), str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_text_becomes_a_model(spacelang, here: Path) -> None:
    found = spacelang("evolve", "--flops", "300K", "--json", *settings(SMALL_SEARCH))
    assert found.code == 0, found.err
    best = json.loads(found.out)
    assert best["flops"] <= 300_000

    state = json.loads(spacelang("inspect", "--json").out)
    assert state["step"] == 20
    assert state["best"]["name"] == best["name"]

    tested = json.loads(spacelang("eval", "best", "largest", "--random", "3", "--json").out)
    assert [row["what"] for row in tested] == ["best", "largest", "mean of 3 random"]
    assert all(row["images"] == 360 for row in tested)

    assert spacelang("export", "best", "-o", "model").code == 0
    again = json.loads(spacelang("eval", "model", "--data", "digits", "--json").out)
    assert again[0]["top1"] == tested[0]["top1"]
    network = load("model/")
    assert sum(p.numel() for p in network.parameters()) == best["params"]
    assert network(torch.randn(2, 3, 8, 8)).shape == (2, 10)


def test_a_search_inside_a_bound_on_a_measured_cost(spacelang, here: Path) -> None:
    space = lower(find(here / "runs", "digits-1").space)
    entries = {block: (at * 7919 % 1000) / 1000 for at, block in enumerate(blocks(space.legal))}
    Path("latency.json").write_text(json.dumps({"measure": "latency", "unit": "ms", "entries": entries}))
    words = ("evolve", "--cost", "latency.json", *settings(SMALL_SEARCH), "--json", "--flops", "500K")
    best = json.loads(spacelang(*words, "--latency", "2500us").out)
    assert best["flops"] <= 500_000
    assert best["latency"] <= 2.5
    said = spacelang("eval", "best", "--random", "2")
    assert "not bound in latency" in said.err
    refused = spacelang(*words, "--latency", "1us")
    assert refused.code == 1
    assert "has flops of at most 500 000 and latency of at most 0.001 ms" in refused.err
    assert "the nearest latency" in refused.err
    for entry in entries:  # a table of other costs is another search
        entries[entry] /= 4
    Path("latency.json").write_text(json.dumps({"measure": "latency", "unit": "ms", "entries": entries}))
    assert spacelang(*words, "--bound", "latency=2.5").code == 0
    with sqlite3.connect(here / "runs" / "digits-1" / "journal.sqlite") as journal:
        assert journal.execute("SELECT count(*) FROM search").fetchone() == (2,)


def test_a_recipe_that_bounds_a_declared_measure_asks_for_its_table(spacelang, here: Path) -> None:
    Path("digits.space").write_text(Path(DIGITS).read_text())
    Path("frugal.space").write_text(
        'edition 2026\nspace frugal\nnarrows "digits.space"\nmeasure energy mJ\nevolve { require energy <= 2.5 }\n'
    )
    refused = spacelang("evolve", "--space", "frugal.space", *settings(SMALL_SEARCH))
    assert refused.code == 1
    assert "the recipe of frugal wants energy <= 2.5 mJ, and no table says what networks have" in refused.err
    assert "--cost energy.json" in refused.err


def test_the_answer_is_the_best_that_keeps_the_bound_when_it_runs_whole(
    spacelang, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the finalists in their order; and where none keeps it, the search says so."""
    entries = dict.fromkeys(blocks(lower(find(here / "runs", "digits-1").space).legal), 1)
    told = {"device": processor(), "runtime": "torch", "precision": "fp32", "batch": 1}
    table = {"measure": "latency", "unit": "ms", "entries": entries, **told}
    Path("latency.json").write_text(json.dumps(table))
    ran: list[str] = []

    def whole(networks, where, observe=None):
        ran.extend(one.digest for one in networks)
        return [1.0 if len(ran) < 3 else 0.001 for _ in networks]

    monkeypatch.setattr(running, "whole_", whole)
    words = ("evolve", "--cost", "latency.json", *settings(SMALL_SEARCH), "--json", "--latency", "9ms")
    said = spacelang(*words)
    assert said.code == 0, said.err
    assert 3 <= len(ran) == len(set(ran)) <= 8  # until one keeps it, and those that are level with it
    assert said.err.count("runs whole in 1000 ms, outside its bound") == 2
    assert "runs whole in 1 ms, within its bound" in said.err
    assert json.loads(said.out)["whole"] == {"unit": "ms", "latency": 1, "came": 1, "drift": None, "margin": 0}
    monkeypatch.setattr(running, "whole_", lambda networks, where: [1.0 for _ in networks])
    refused = spacelang(*words)
    assert refused.code == 1
    assert "networks that ran whole keeps the bounds; the closest: " in refused.err
    assert "spacelang measure" in refused.err
    Path("latency.json").write_text(json.dumps({**table, "marks": ["it is 60 % off"]}))
    refused = spacelang(*words)
    assert refused.code == 1
    assert "latency.json is not to be trusted: it is 60 % off" in refused.err


def test_a_recipe_bounds_the_time_that_a_table_tells(spacelang, here: Path) -> None:
    """By a narrower space, whose recipe it stands in; the table counts in seconds, and no network is beyond it."""
    Path("digits.space").write_text(Path(DIGITS).read_text())
    Path("quick.space").write_text(
        'edition 2026\nspace quick\nnarrows "digits.space"\nevolve { require latency <= 1500us }\n'
    )
    words = ("evolve", "--space", "quick.space", *settings(SMALL_SEARCH), "--json")
    refused = spacelang(*words)
    assert refused.code == 1
    assert "latency <= 1.5ms, and no table says what networks take" in refused.err
    assert "spacelang measure" in refused.err

    space = lower(find(here / "runs", "digits-1").space)
    entries = {block: (at * 7919 % 1000) / 10**6 for at, block in enumerate(blocks(space.legal))}
    Path("latency.json").write_text(json.dumps({"measure": "latency", "unit": "s", "entries": entries}))
    best = json.loads(spacelang(*words, "--cost", "latency.json").out)
    assert best["latency"] <= 0.0015
    assert best["flops"] <= 50_000
    shown = spacelang("inspect", "quick.space", "--cost", "latency.json")
    assert "latency <= 1.5ms" in shown.out
    looser = json.loads(spacelang(*words, "--cost", "latency.json", "--latency", "3ms").out)
    assert 0.0015 < looser["latency"] <= 0.003

    Path("latency.json").write_text(json.dumps({"measure": "latency", "unit": "cycles", "entries": entries}))
    refused = spacelang(*words, "--cost", "latency.json")
    assert "the table of latency is in cycles" in refused.err


def test_an_architecture_is_named_in_many_ways(spacelang, here: Path) -> None:
    spacelang("evolve", *settings(SMALL_SEARCH))
    best = json.loads(spacelang("inspect", "--json").out)["best"]
    (here / "arch.json").write_text(json.dumps(best["architecture"]))
    for name in ("best", best["name"], best["line"], "arch.json"):
        said = spacelang("export", name, "-o", "m")
        assert said.code == 0, said.err
        assert best["name"] in said.out
    shown = spacelang("inspect", best["line"])
    assert shown.code == 0
    assert best["name"] in shown.out


def stopped(folder: Path, words: Sequence[str], stop: Callable[[int, int], None], by: signal.Signals) -> None:
    """A training that is stopped once it makes steps, and has said how to go on. stop: `os.kill` or `os.killpg`."""
    with processes.command(folder, "train", DIGITS, *words) as process:
        while process.is_alive() and "step" not in processes.said(folder):
            time.sleep(0.01)
        stop(process.pid or 0, by)
        process.join(60)
    assert process.exitcode == 1
    assert "Traceback" not in processes.said(folder)
    assert "go on with: spacelang train --resume digits-1" in processes.said(folder)


def test_ctrl_c_keeps_the_run_and_says_how_to_go_on(tmp_path: Path) -> None:
    stopped(tmp_path, ("--set", "batch=32"), os.kill, signal.SIGINT)
    assert (tmp_path / "runs" / "digits-1" / "checkpoint.pt").exists()


def test_a_signal_to_the_readers_too_keeps_the_run(tmp_path: Path) -> None:
    words = ("--data", str(image_folder(tmp_path / "d")), "--workers", "2", "--set", "batch=8", "--steps", "100000")
    stopped(tmp_path, words, os.killpg, signal.SIGTERM)


def test_a_space_for_photos_without_data_is_a_preview(spacelang, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        Path(DIGITS).read_text().replace("image    = 8", "image    = 40").replace("classes  = 10", "classes  = 99")
    )
    (tmp_path / "photos.space").write_text(text.replace("space digits", "space photos").replace("50K", "5M"))
    said = spacelang("train", "photos.space", "--steps", "2")
    assert said.code == 0, said.err
    assert "PREVIEW" in said.err
    assert "of it waiting for data" in said.err
    assert "spacelang train photos.space --data FOLDER" in said.err
    assert "not 99" in said.err, "that the digits have ten classes is said"
    said = spacelang("evolve")
    assert said.code == 0, said.err
    assert said.out.startswith("PREVIEW")
    assert "PREVIEW" in spacelang("inspect").out


def test_a_search_says_what_it_knew_already_and_that_its_recipe_ends_early(spacelang, here: Path) -> None:
    words = ("evolve", "--candidates", "1000", *settings(SMALL_SEARCH))
    first, again = (spacelang(*words).err for _ in range(2))
    assert "known already" not in first
    assert " known already" in again
    for said in (first, again):
        assert "different networks; for more: --set generations=NUMBER" in said


def test_a_run_still_in_training_is_searched_with_a_word_and_without_weights_not_at_all(
    spacelang, here: Path
) -> None:
    state = here / "runs" / "digits-1" / "state.json"
    assert "has not ended" not in spacelang("evolve", *settings(SMALL_SEARCH)).err
    state.write_text(state.read_text().replace('"finished": true', '"finished": false'))
    assert "its weights are of step 20 of 20" in spacelang("evolve", *settings(SMALL_SEARCH)).err
    assert "not finished; if it was stopped: spacelang train --resume digits-1" in spacelang("inspect").out
    (here / "runs" / "digits-1" / "checkpoint.pt").unlink()
    said = spacelang("evolve")
    assert said.code == 1
    assert "digits-1: it has kept no weights" in said.err
    assert "while it is training, wait" in said.err


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '{"architecture": {}}'])
def test_a_damaged_best_costs_no_training(spacelang, here: Path, text: str) -> None:
    (here / "runs" / "digits-1" / "best.json").write_text(text)
    for words in (("inspect",), ("eval", "best")):
        said = spacelang(*words)
        assert said.code == 1
        assert "best.json is damaged: " in said.err
        assert "delete it and search again" in said.err


def test_the_last_search_is_the_one_that_ended_last_wherever_it_is_spoken_of(spacelang, here: Path) -> None:
    best = {}
    for bound in ("100K", "40K", "100K"):
        assert spacelang("evolve", "--flops", bound, *settings(SMALL_SEARCH)).code == 0
        best[bound] = json.loads(Path("runs/digits-1/best.json").read_text())["name"]
    assert best["100K"] != best["40K"]
    shown = spacelang("inspect").out
    assert "the last search with flops <= 100K" in shown
    assert shown.index(best["100K"]) < shown.index("take it home")
    assert summary_of(find(Path("runs"))).winner.startswith(best["100K"])
    assert spacelang("inspect", "best").out.startswith(best["100K"])
    with open_journal(Path("runs/digits-1")) as journal:  # another one is begun, and goes on
        last = journal.last()
        journal.search(last.account.replace("100000", "50000"), last.step, last.total, last.begin)
    shown = spacelang("inspect").out
    assert "the last search with flops <= 100K" in shown
    assert "another search with flops <= 50.0K has begun and not ended" in shown
    story = summary_of(find(Path("runs")))
    assert story.winner.startswith(best["100K"])
    assert story.unended


WRONG = {
    "a missing file": (["train", "spaces/s33.space"], 1, "there is no file"),
    "no file": (["train"], 1, "which space?"),
    "an unknown data folder": (["train", DIGITS, "--data", "nowhere"], 1, "nowhere"),
    "an unknown run": (["evolve", "digits-7"], 1, "no run 'digits-7'"),
    "an unknown setting": (["train", DIGITS, "--set", "epocs=3"], 2, "did you mean `epochs`"),
    "a setting without a value": (["train", DIGITS, "--set", "epochs"], 2, "NAME=VALUE"),
    "an amount that is none": (["evolve", "--flops", "4.5 gigs"], 2, "not an amount"),
    "a bound backwards": (["evolve", "--flops", "5G..4G"], 2, "runs backwards: write 4G..5G"),
    "a bound without its suffix": (["evolve", "--flops", "4G..4.5 "], 2, "runs backwards: write 4G..4.5G"),
    "a first end without its suffix": (["evolve", "--flops", "4..4.5G"], 2, "begins at 4: write 4G..4.5G"),
    "a bound of no whole number": (["evolve", "--flops", "4.5"], 2, "no whole number: write 4.5M or 4.5G"),
    "a bound without its unit": (["evolve", "--flops", "15"], 2, "the unit is missing, 15M or 15G"),
    "a window without its unit": (["evolve", "--params", "2..4"], 2, "2K..4K or 2M..4M"),
    "a bound with a dash": (["evolve", "--flops", "300K-400K"], 2, "write 300K..400K"),
    "a lower bound without it": (["evolve", "--flops", "5G..4"], 2, "runs backwards: write 4G..5G"),
    "no time at all": (["train", DIGITS, "--budget", "0s"], 2, "not a time"),
    "a time that is none": (["train", DIGITS, "--budget", "soon"], 2, "not a time"),
    "a bound that nothing meets": (
        ["evolve", "--flops", "9K"],
        1,
        "no network has flops of at most 9.00K: the smallest has 10.6K",
    ),
    "no such architecture": (["export", "finest", "-o", "m"], 1, "names no architecture"),
    "another space's line": (["export", "i8-p2-c10/9:h1q8m1w2/9:h1q8m1w2", "-o", "m"], 1, "does not hold this"),
    "a broken line": (["inspect", "i8-p2-c10/9:h1q8m1w2x"], 1, "not an architecture"),
    "nowhere to export to": (["export", "largest"], 1, "where to?"),
    "an unknown device": (["evolve", "--device", "cuda:99"], 1, "cannot be used here"),
    "a device by another name": (["evolve", "--device", "gpu"], 1, "cpu, cuda or cuda:N; this machine has cpu"),
    "a device without data": (["evolve", "--device", "meta"], 1, "cannot be used here"),
    "an unknown timm model": (["import", "timm:swin_s3_tini_224", "-o", "m"], 1, "did you mean"),
    "a finished run": (["train", "--resume"], 1, "has ended"),
    "a recipe for a run that has its own": (["train", "--resume", "--set", "batch=8"], 1, "its own recipe"),
    "an unknown option": (["train", DIGITS, "--epochs", "3"], 2, "train has no option --epochs"),
    "not searched yet": (["export", "best", "-o", "m"], 1, "it has not been searched"),
    "a risk and none": (["evolve", "--risk", "0.1", "--exact"], 2, "--exact takes no risk: give one of them"),
    "a risk without a race": (
        ["evolve", "--risk", "0.1", "--algorithm", "nsga2"],
        2,
        "a front scores every network",
    ),
    "a bound on nothing": (["evolve", "--bound", "energy"], 2, "'energy' is no bound: write NAME=WINDOW"),
    "a table of no form": (["evolve", "--cost", "runs/digits-1/run.json"], 1, "write it anew: spacelang measure"),
    "a folder that holds other things": (["export", "largest", "-o", "."], 1, "holds other things (runs"),
    "a folder for a table": (["measure", DIGITS, "-o", "runs"], 1, "runs is a folder, and the table is one file"),
    "no folder for a table": (["measure", DIGITS, "-o", "no/l.json"], 1, "there is no folder no"),
    "no folder for a judgement": (["judge", "--report", "no/j.html"], 1, "there is no folder no"),
    "more images than any memory holds": (["measure", DIGITS, "--batch", "100000000"], 2, "at most 1000000"),
}


@pytest.mark.parametrize("case", WRONG, ids=lambda name: name.replace(" ", "-"))
def test_what_a_person_gets_wrong_gets_one_clear_message(spacelang, here: Path, case: str) -> None:
    words, code, expected = WRONG[case]
    said = spacelang(*words)
    text = " ".join(said.err.replace("│", " ").split())
    assert said.code == code, said.err
    assert expected in text
    assert "Traceback" not in said.err


def test_a_checkpoint_of_another_space_is_refused(spacelang, here: Path) -> None:
    text = Path(DIGITS).read_text().replace("embed in 8..32 step 8", "embed in 8..40 step 8")
    (here / "other.space").write_text(text)
    assert spacelang("train", "other.space", "--steps", "1", "--set", "batch=32").code == 0
    os.replace("runs/digits-1/checkpoint.pt", "runs/digits-2/checkpoint.pt")
    said = spacelang("evolve", "digits-2")
    assert said.code == 1
    assert "their supernets differ" in said.err


def test_a_narrower_space_is_searched_on_the_same_supernet(spacelang, here: Path) -> None:
    text = Path(DIGITS).read_text().replace("depth in 1..3", "depth in 1..2")
    (here / "narrow.space").write_text(text)
    said = spacelang("evolve", "--space", "narrow.space", "--json", *settings(SMALL_SEARCH))
    assert said.code == 0, said.err
    stages = json.loads(said.out)["architecture"]["stages"]
    assert all(len(stage["layers"]) <= 2 for stage in stages)

    (here / "wide.space").write_text(text.replace("embed in 8..32 step 8", "embed in 8..40 step 8"))
    said = spacelang("evolve", "--space", "wide.space")
    assert said.code == 1
    assert "is not part of the space digits" in said.err
