"""A refinement that takes moves back: what it keeps of every space, and what it needs to go on."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest
from test_refine import BOLD, DIGITS, PAPER, SMALL, TRAINING, spacelang

import spacelang as sl
from spacelang.refinement.paired import MARGIN
from spacelang_runtime.refine.refinement import begun, keep

WORDS = ("refine", "digits.space", "--rounds", "2", "--rule", "extrapolated", *BOLD, *TRAINING)


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the digits have been refined by the rule that takes most; not to be written to."""
    folder = tmp_path_factory.mktemp("refined")
    (folder / "digits.space").write_text(DIGITS, encoding="utf-8")
    spacelang(*WORDS, "--evolve", "--finish", "50%", here=folder)
    return folder


def record(folder: Path) -> dict[str, Any]:
    """What a folder keeps of its one refinement."""
    (path,) = folder.glob("runs/refine-*/refinement.json")
    return dict(json.loads(path.read_text()))


def copied(refined: Path, to: Path) -> Path:
    subprocess.run(["cp", "-r", f"{refined}/.", str(to)], check=True)
    return to


def test_a_space_is_kept_where_it_is_surely_not_worse_and_only_then_written(refined: Path) -> None:
    kept = record(refined)
    first, *others = kept["rounds"]
    assert (first["parent"], first["difference"], first["kept"]) == (None, None, True)
    assert others
    for one in others:
        assert one["kept"] == (one["difference"][2] <= MARGIN)
        name = Path(one["file"]).name
        assert (refined / name).exists() == one["kept"]
        (folder,) = refined.glob("runs/refine-*")
        assert (folder / name).exists(), "the text of every space that was tried stays"
    answer = kept["rounds"][kept["best"] - 1]
    assert answer["kept"]
    assert kept["reason"]


def test_every_space_is_trained_for_half_its_length_too_and_the_first_for_a_quarter(refined: Path) -> None:
    def steps(name: str) -> int:
        return int(json.loads((refined / "runs" / name / "state.json").read_text())["step"])

    first, *others = record(refined)["rounds"]
    assert [steps(name) for name in (first["run"], *first["shorter"])] == [12, 6, 3]
    assert all([steps(name) for name in (one["run"], *one["shorter"])] == [12, 6] for one in others)


def test_the_page_tells_of_every_space_on_what_footing_and_what_became_of_it(refined: Path) -> None:
    (path,) = refined.glob("runs/refine-*/report.html")
    page = path.read_text(encoding="utf-8")
    kept = record(refined)
    for said in ("the first", "It ends with", kept["reason"], "trained", "and finished, %", "E-T loss, nats"):
        assert said in page
    assert page.count("taken back</td>") == sum(one["kept"] is False for one in kept["rounds"])
    (account,) = (json.loads((refined / "runs" / "digits-1" / "judgement.json").read_text()),)
    assert account["best"]["line"] == account["finished"]["line"]
    assert account["footing"]["steps"] == 12
    assert account["footing"]["flops"]["most"] <= 400_000
    assert 0 <= account["curve"]["rate"] <= 2 / 3
    assert len(account["counted_slopes"]) == len(account["moves"])


def test_what_was_found_of_a_space_stands_without_its_runs(refined: Path, tmp_path: Path) -> None:
    here = copied(refined, tmp_path)
    for run in here.glob("runs/digits*"):
        shutil.rmtree(run)
    before = record(here)
    again = spacelang(*WORDS, "--evolve", "--finish", "50%", here=here)
    assert "train" not in again.err
    assert record(here) == before
    # The terminal has two E-T errors of each space, and says of each which one it is.
    first = next(line for line in again.out.splitlines() if line.startswith("digits: "))
    assert re.match(r"digits: E-T error \S+ \[.*\] % by the weights as they are, of \d+ networks", first)
    to_come = re.findall(r"^E-T error to come \S+ \[.*\] %: expected once all is learned", again.out, re.M)
    assert len(to_come) == len(before["rounds"])
    assert ": its E-T error to come less that of digits is " in again.out
    heading = next(line for line in again.out.splitlines() if line.startswith("space "))
    assert re.search(r"run +E-T error, % +E-T error to come, % +to come, less the one before", heading)
    assert list(here.glob("runs/digits*")) == []


def test_a_refinement_goes_on_from_journals_whose_weights_are_gone(refined: Path, tmp_path: Path) -> None:
    spacelang(*WORDS, here=copied(refined, tmp_path))
    before = sorted(tmp_path.glob("runs/refine-*"), key=lambda path: path.stat().st_mtime)[-1]
    verdicts = json.loads((before / "refinement.json").read_text())
    for kept in (*tmp_path.glob("runs/*/checkpoint.pt"), *before.glob("digits*.json")):
        kept.unlink()
    own = [path for path in tmp_path.glob("runs/*") if not (refined / "runs" / path.name).exists()]
    judged = {run / "journal.sqlite": judgements_of(run / "journal.sqlite") for run in own if run != before}
    for path in judged:  # as if it had been killed before what it measured was judged
        with closing(connect(path)) as database, database:
            database.execute("UPDATE measurement SET ended = NULL, judgement = NULL")
    again = spacelang(*WORDS, here=tmp_path)
    assert "step" not in again.err
    assert json.loads((before / "refinement.json").read_text()) == verdicts
    assert any(map(any, judged.values()))
    assert {path: judgements_of(path) for path in judged} == judged


def judgements_of(journal: Path) -> list[str | None]:
    """What followed from each measurement of a run."""
    with closing(connect(journal)) as database:
        return [row[0] for row in database.execute("SELECT judgement FROM measurement ORDER BY measurement")]


def test_a_space_in_whose_place_another_file_lies_is_not_trained(tmp_path: Path) -> None:
    (tmp_path / "digits.space").write_text(DIGITS, encoding="utf-8")
    (tmp_path / "digits_2.space").write_text("mine\n")
    said = spacelang("refine", "digits.space", "--rounds", "1", *PAPER, *BOLD, *TRAINING, here=tmp_path, code=1).err
    assert "digits_2.space is there already" in said
    assert (tmp_path / "digits_2.space").read_text() == "mine\n"
    assert list(tmp_path.glob("runs/digits_2-*")) == []


@pytest.mark.parametrize("rank", ["0", "1"])
def test_processes_that_torchrun_has_not_started_are_told_so_once(
    rank: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits.space").write_text(DIGITS, encoding="utf-8")
    for name, value in (("WORLD_SIZE", "2"), ("RANK", rank), ("LOCAL_RANK", rank)):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)
    said = spacelang(*WORDS, here=tmp_path, code=1).err
    told = "error: several processes refine a space together only where torchrun has started them\n"
    assert said.startswith(told) if rank == "0" else said == ""
    assert list(tmp_path.glob("runs/*")) == []


def test_two_processes_refine_together(tmp_path: Path) -> None:
    (tmp_path / "digits.space").write_text(DIGITS, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["-m", "spacelang", "refine", "digits.space", "--rounds", "1", "--rule", "guarded", "--evolve"]
    done = subprocess.run(
        [*command, *words, *BOLD, *TRAINING, "--device", "cpu", "--workers", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("best found, %") == 1, "one process talks"
    kept = record(tmp_path)
    assert [one["kept"] is not None for one in kept["rounds"]] == [True, True]
    assert (json.loads((tmp_path / "runs" / "digits-1" / "run.json").read_text()))["processes"] == 2


def test_python_refines_as_the_command_line_does(refined: Path, tmp_path: Path) -> None:
    (tmp_path / "digits.space").write_text(DIGITS, encoding="utf-8")
    seen: list[str] = []
    found = sl.refine(
        sl.load(tmp_path / "digits.space"),
        rounds=1,
        rule="paper",
        steps=12,
        settings={"samples": 24, "top": 2, "per_choice": 4, "confidence": 0, "threshold": "0.0001"},
        train={"batch": 16, "warmup": 1},
        device="cpu",
        workers=0,
        runs=tmp_path / "runs",
        observe=lambda event: seen.append(type(event).__name__),
    )
    assert {"Step", "Progress", "Outcome"} <= set(seen)
    assert [row["verdict"] for row in found.records()] == ["the first", "kept"]
    assert found.space.name == "digits_2"
    assert found.records()[0]["error"] == pytest.approx(0.6585, abs=0.3)
    assert "digits_2" in repr(found)
    assert "<table>" in found._repr_html_()
    with pytest.raises(sl.Failure, match="is none of"):
        sl.refine(found.space, rule="best")  # type: ignore[arg-type]


def test_a_preview_is_small(tmp_path: Path) -> None:
    text = DIGITS.replace("classes  = 10", "classes  = 100")
    (tmp_path / "digits.space").write_text(text, encoding="utf-8")
    said = spacelang("refine", "digits.space", "--rounds", "1", *PAPER, *SMALL, "--steps", "2", here=tmp_path)
    assert "PREVIEW" in said.err


def test_a_record_with_an_endless_number_is_refused(tmp_path: Path) -> None:
    one = begun(tmp_path, "digits", {"steps": 2})
    keep(one)
    path = one.folder / "refinement.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"best": float("inf")}))
    with pytest.raises(sl.Failure, match=r"refinement\.json is damaged"):
        begun(tmp_path, "digits", {"steps": 2})
