"""Measuring a space and refining it, from the command line: the loop goes round, and on after anything."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import processes
import pytest
import torch
from attrs import frozen

from spacelang.api.judge import recipe_of
from spacelang.check import compile_text
from spacelang.cli import main
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import lower
from spacelang.refinement.account import from_json
from spacelang.source import Source
from spacelang_runtime.engine.supernet import untrained
from spacelang_runtime.refine.inherit import inherit

ROOT = Path(__file__).resolve().parents[2]
SEARCH = """evolve {
  population  = 6
  parents     = 3
  generations = 2
  crossover   = 3
  mutation    = 3
  require flops <= 400K
}
"""
# The space of the tests, with a search of few networks.
DIGITS = (ROOT / "tests" / "spaces" / "digits.space").read_text(encoding="utf-8").partition("evolve {")[0] + SEARCH
SMALL = ["--set", "samples=24", "--set", "top=2", "--set", "per_choice=4"]
BOLD = [*SMALL, "--set", "confidence=0", "--set", "threshold=0.0001"]  # everything moves, so that the loop goes on
PAPER = ["--rule", "paper"]  # every move is made, whatever comes of it
TRAINING = ["--steps", "12", "--train", "batch=16", "--train", "warmup=1"]


@frozen
class Said:
    out: str
    err: str


def spacelang(*words: str, here: Path, code: int = 0) -> Said:
    """The command, run in this process."""
    before, out, err = sys.argv, StringIO(), StringIO()
    ended: object = 0
    with chdir(here), redirect_stdout(out), redirect_stderr(err):
        sys.argv = ["spacelang", *words]
        try:
            main()
        except SystemExit as end:
            ended = end.code or 0
        finally:
            sys.argv = before
    assert ended == code, err.getvalue()
    return Said(out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the digits have been refined twice; not to be written to."""
    folder = tmp_path_factory.mktemp("refined")
    (folder / "digits.space").write_text(DIGITS, encoding="utf-8")
    spacelang("refine", "digits.space", "--rounds", "2", "--evolve", *PAPER, *BOLD, *TRAINING, here=folder)
    return folder


@pytest.fixture
def trained(refined: Path, tmp_path: Path) -> Path:
    """A folder of one's own with the run of the first space, as it was trained, not measured."""
    subprocess.run(["cp", "-r", str(refined / "runs"), str(tmp_path)], check=True)
    for path in (tmp_path / "runs").glob("*"):
        if path.name != "digits-1":
            subprocess.run(["rm", "-r", str(path)], check=True)
    (tmp_path / "runs" / "digits-1" / "judgement.json").unlink()
    (tmp_path / "runs" / "digits-1" / "journal.sqlite").unlink()
    return tmp_path


def accounts(folder: Path) -> list[dict]:
    """The measurements of all runs, without their names, and how long they took."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("runs/*/judgement.json"))]
    return [{**one, "run": "", "footing": {**one["footing"], "seconds": 0.0}} for one in found]


def test_the_loop_leaves_spaces_that_follow_from_one_another(refined: Path) -> None:
    for before, after in (("digits", "digits_2"), ("digits_2", "digits_3")):
        account = from_json((refined / "runs" / f"{before}-1" / "judgement.json").read_text())
        text = (refined / f"{after}.space").read_text(encoding="utf-8")
        checked = compile_text(Source(f"{after}.space", text))
        assert checked.space is not None
        assert checked.space.name == account.next == after
        assert text.count(f"# refine {before}:") == sum(move.taken != 0 for move in account.moves) > 0
    assert (refined / "runs" / "digits_3-1" / "judgement.json").exists(), "the last space is measured, too"


def test_the_page_and_the_figures_show_all_spaces(refined: Path) -> None:
    (folder,) = refined.glob("runs/refine-digits-*")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert all(f"<h2>{name}</h2>" in page for name in ("digits", "digits_2", "digits_3"))
    assert "src=" not in page, "the page needs nothing else"
    names = {"distributions", "moved", "slopes-digits", "slopes-digits_2", "slopes-digits_3"}
    assert {path.stem for path in folder.glob("*.svg")} == {path.stem for path in folder.glob("*.png")} == names
    lines = ElementTree.parse(folder / "distributions.svg").getroot().findall(".//{*}polyline/{*}title")
    assert sum("E-T" in (line.text or "") for line in lines) >= 3


def test_the_same_command_again_does_no_work_and_says_the_same(refined: Path, tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", f"{refined}/.", str(tmp_path)], check=True)
    again = spacelang(
        "refine", "digits.space", "--rounds", "2", "--evolve", *PAPER, *BOLD, *TRAINING, here=tmp_path
    )
    assert "judge" not in again.err
    assert {path.name for path in tmp_path.glob("runs/*")} == {path.name for path in refined.glob("runs/*")}
    assert accounts(tmp_path) == accounts(refined)


def test_no_rounds_are_a_judgement_of_the_space_alone(tmp_path: Path) -> None:
    (tmp_path / "digits.space").write_text(DIGITS, encoding="utf-8")
    spacelang("refine", "digits.space", "--rounds", "0", *SMALL, *TRAINING, here=tmp_path)
    assert [path.parent.name for path in tmp_path.glob("runs/*/judgement.json")] == ["digits-1"]
    assert not list(tmp_path.glob("digits_2.space"))


def test_a_loop_that_is_killed_at_any_point_ends_with_the_same_spaces(refined: Path, tmp_path: Path) -> None:
    (tmp_path / "digits.space").write_text(DIGITS, encoding="utf-8")
    words = ("refine", "digits.space", "--rounds", "1", "--evolve", *PAPER, *BOLD, *TRAINING)
    for sign in ("runs/digits-1/run.json", "runs/digits-*/journal.sqlite", "runs/digits_2-*"):
        with processes.command(tmp_path, *words) as process:
            while process.is_alive() and not list(tmp_path.glob(sign)):
                time.sleep(0.01)
            process.kill()
    spacelang(*words, here=tmp_path)
    assert (tmp_path / "digits_2.space").read_text() == (refined / "digits_2.space").read_text()
    last = [one for one in accounts(tmp_path) if one["space"] == "digits_2"]
    assert last == [one for one in accounts(refined) if one["space"] == "digits_2"]


def test_ctrl_c_in_a_training_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "digits.space").write_text(DIGITS, encoding="utf-8")
    with processes.command(tmp_path, "refine", "digits.space", *SMALL, "--train", "batch=16") as process:
        while process.is_alive() and "step" not in processes.said(tmp_path):
            time.sleep(0.01)
        os.kill(process.pid or 0, signal.SIGINT)
        process.join(60)
    assert process.exitcode == 1
    assert "give the same command again to go on" in processes.said(tmp_path)


def test_a_measurement_that_is_killed_ends_with_the_same_answer(trained: Path) -> None:
    journal = trained / "runs" / "digits-1" / "journal.sqlite"
    with processes.command(trained, "judge", "--json", *SMALL) as process:
        while process.is_alive() and scores(journal) < 5:
            time.sleep(0.005)
        process.kill()
    kept = scores(journal)
    assert kept >= 5
    done = spacelang("judge", "--json", *SMALL, here=trained)
    assert f"{kept} known already" in done.err or process.exitcode == 0
    journal.unlink()
    for rest in journal.parent.glob("journal.sqlite-*"):
        rest.unlink()
    assert json.loads(spacelang("judge", "--json", *SMALL, here=trained).out) == json.loads(done.out)


def scores(journal: Path) -> int:
    try:
        with sqlite3.connect(journal) as database:
            return int(database.execute("SELECT count(*) FROM score").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_a_measurement_keeps_its_networks_and_its_bounds(trained: Path) -> None:
    found = json.loads(spacelang("judge", "--flops", "120K", "--json", *SMALL, here=trained).out)
    with sqlite3.connect(trained / "runs" / "digits-1" / "journal.sqlite") as database:
        rows = database.execute("SELECT flops, given FROM sample JOIN network USING (architecture)").fetchall()
    assert len(rows) == found["scored"] > 24
    assert all(flops <= 120_000 for flops, _ in rows)
    assert sum(given is None for _, given in rows) == len(found["errors"]) == 24
    assert found["quality"]["error"]["value"] == pytest.approx(
        (found["quality"]["mean"]["value"] + found["quality"]["top"]["value"]) / 2
    )


def test_a_time_that_bounds_the_search_does_not_bound_what_is_judged() -> None:
    text = DIGITS.replace("require flops <= 400K", "require flops <= 400K and latency <= 5ms")
    space = compile_text(Source("digits.space", text)).space
    assert space is not None
    assert [str(bound) for bound in space.evolve.bounds] == ["flops <= 400K", "latency <= 5ms"]
    told: list[str] = []
    recipe = recipe_of(lower(space), False, [], {}, say=told.append)
    assert [str(bound) for bound in recipe.bounds] == ["flops <= 400K"]
    assert "latency <= 5ms of `evolve` does not bound what is drawn here" in told[0]


def test_the_next_space_is_written_once_and_never_over_another_text(trained: Path) -> None:
    words = ("judge", *BOLD, "--next", "next.space")
    assert "wrote next.space" in spacelang(*words, here=trained).err
    assert "wrote next.space" in spacelang(*words, here=trained).err
    (trained / "next.space").write_text("mine\n")
    said = spacelang(*words, here=trained, code=1).err
    assert "next.space is there already" in said
    assert (trained / "next.space").read_text() == "mine\n"
    (trained / "next.space").write_bytes(b"\xff\xfe")
    assert "next.space is there already" in spacelang(*words, here=trained, code=1).err


def test_few_held_out_images_are_warned_of_once(trained: Path, tmp_path: Path) -> None:
    told = "199 held-out images are few to move a space by"
    assert spacelang("judge", *SMALL, "--images", "199", here=trained).err.count(told) == 1
    assert "are few" not in spacelang("judge", *SMALL, "--images", "200", here=trained).err
    (tmp_path / "digits.space").write_text(DIGITS, encoding="utf-8")
    words = ("refine", "digits.space", "--rounds", "1", "--images", "199", *PAPER, *BOLD, *TRAINING)
    done = spacelang(*words, here=tmp_path)
    assert done.err.count(told) == 1


def test_a_judgement_names_the_next_step_as_its_own_command(trained: Path) -> None:
    assert "next: give the same command with --next digits_2.space" in spacelang("judge", *BOLD, here=trained).err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--train", "epocs=3"), 2, "invalid value for --train: `epocs` is nothing"),
        (("--data", "nowhere"), 1, "nowhere"),
    ],
)
def test_a_refinement_that_cannot_begin_leaves_nothing(
    words: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "digits.space").write_text(DIGITS, encoding="utf-8")
    assert said in spacelang("refine", "digits.space", *SMALL, *words, here=tmp_path, code=code).err
    assert list(tmp_path.glob("runs/*")) == []


WRONG = {
    "a misspelt line": (["judge", "--set", "sample=3"], 2, "did you mean `samples`"),
    "a bound that nothing meets": (["judge", "--flops", "1K"], 1, "no network has flops of at most 1.00K"),
    "another kind of file": (["judge", "--next", "next.txt"], 2, "a .space file"),
    "more top than samples": (["judge", "--set", "samples=10"], 2, "the best 50 are more than all 10 samples"),
    "an unknown run": (["judge", "digits-9"], 1, "no run 'digits-9'"),
    "a missing file": (["refine", "nowhere.space"], 1, "there is no file nowhere.space"),
    "a line of the wrong recipe": (["refine", "digits.space", "--set", "epochs=3"], 2, "`epochs` is nothing"),
    "no time": (["refine", "digits.space", "--budget", "soon"], 2, "is not a time"),
}


@pytest.mark.parametrize(("words", "code", "said"), WRONG.values(), ids=WRONG)
def test_what_people_get_wrong(words: list[str], code: int, said: str, trained: Path) -> None:
    (trained / "digits.space").write_text(DIGITS, encoding="utf-8")
    done = spacelang(*words, here=trained, code=code)
    told = " ".join(done.err.replace("│", " ").split())
    assert said in told


# What one supernet takes over from another.


def supernet(text: str) -> tuple:
    space = compile_text(Source("x.space", text)).space
    assert space is not None
    lowered = lower(space)
    return lowered, untrained(lowered, torch.device("cpu")).eval()


WIDER = (
    DIGITS.replace("8..32 step 8", "16..40 step 8")
    .replace("depth in 1..3", "depth in 2..4")
    .replace("heads  in 1..3", "heads  in 2..4")
)


def test_a_network_of_both_spaces_is_the_same_on_the_supernet_that_inherited_it() -> None:
    lowered, before = supernet(DIGITS)
    wide, after = supernet(WIDER)
    images = torch.randn(2, 3, 8, 8)
    common = [
        network
        for network in (lowered.architecture(g) for g in draw(lowered.chain, 60, stream(0)))
        if fits(wide, network)
    ]
    assert len(common) > 3
    torch.manual_seed(1)
    for tensor in after.parameters():
        torch.nn.init.normal_(tensor)
    with torch.inference_mode():
        assert not torch.equal(after(images, common[0]), before(images, common[0]))
        share = inherit(after, before.state_dict())
        for network in common:
            torch.testing.assert_close(after(images, network), before(images, network))
    assert 0.2 < share < 0.9


def fits(lowered, network) -> bool:
    try:
        lowered.genotype(network)
    except ValueError:
        return False
    return True


def test_a_smaller_supernet_takes_all_its_weights_and_the_same_one_too() -> None:
    _, before = supernet(WIDER)
    _, small = supernet(DIGITS)
    _, same = supernet(WIDER)
    assert inherit(small, before.state_dict()) == inherit(same, before.state_dict()) == 1.0


def test_windows_keep_the_offsets_of_their_bias() -> None:
    _, before = supernet(DIGITS.replace("window in {2, 4}", "window in {2, 3}"))
    _, after = supernet(DIGITS)
    inherit(after, before.state_dict())
    own = dict(after.named_parameters())["stages.0.layers.0.bias"]
    other = dict(before.named_parameters())["stages.0.layers.0.bias"]
    assert own.shape[1:] == (7, 7)
    assert other.shape[1:] == (5, 5)
    torch.testing.assert_close(own[:, 1:6, 1:6], other)


def test_a_refinement_that_inherits_says_how_much(tmp_path: Path) -> None:
    (tmp_path / "digits.space").write_text(DIGITS, encoding="utf-8")
    words = ("refine", "digits.space", "--rounds", "1", "--inherit", "--into", "spaces", *PAPER, *BOLD, *TRAINING)
    done = spacelang(*words, here=tmp_path)
    assert "% of the weights of digits_2-1 begin as those of the space before ended" in done.err
    assert (tmp_path / "spaces" / "digits_2.space").exists()
    (record,) = tmp_path.glob("runs/refine-*/refinement.json")
    first, second = json.loads(record.read_text())["rounds"]
    assert first["inherited"] is None
    assert 0 < second["inherited"] <= 1


def test_inspect_shows_how_good_the_space_was_found(refined: Path) -> None:
    assert "E-T error" in spacelang("inspect", "digits-1", here=refined).out
