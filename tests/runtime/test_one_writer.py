"""A run has one writer: a second one is told who the first is, and whoever only looks needs no right to write."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from spacelang.cli.disk import write
from spacelang_runtime.atomic import replace_json
from spacelang_runtime.engine import lock
from spacelang_runtime.engine.create import take
from spacelang_runtime.engine.lock import sole_writer
from spacelang_runtime.failure import Failure
from spacelang_runtime.search.journal_file import look, open_journal

ROOT = Path(__file__).resolve().parents[2]
DIGITS = str(ROOT / "spaces" / "digits.space")
SEARCH = [f"--set={line}" for line in ("population=3", "parents=2", "generations=1", "crossover=1", "mutation=1")]
HOLD = """
import sys, time
from pathlib import Path
from spacelang_runtime.engine.lock import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, done_in) -> Path:
    """A folder with a run that has been trained and searched a little."""
    folder = tmp_path_factory.mktemp("searched")
    for words in (["train", DIGITS, "--steps", "2", "--set", "batch=16"], ["evolve", *SEARCH, "--images", "50"]):
        done_in(folder, *words)
    return folder


@pytest.fixture
def here(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(searched / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def holding(folder: Path) -> subprocess.Popen[str]:
    """Another process that writes into a run."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


WRITERS = {
    "finish": ["finish", "digits-1", "--share", "100%"],
    "training": ["train", "--resume", "digits-1", "--steps", "4"],
    "search": ["evolve", "digits-1", *SEARCH, "--images", "50"],
    "judgement": [
        "judge",
        "digits-1",
        "--set",
        "samples=4",
        "--set",
        "top=1",
        "--set",
        "per_choice=2",
        "--images",
        "50",
    ],
}


def test_a_second_writer_ends_at_once_and_names_the_first(spacelang, here: Path) -> None:
    first = holding(here / "runs" / "digits-1")
    for what, words in WRITERS.items():
        said = spacelang(*words)
        assert said.code == 1, what
        message, remedy = said.err.splitlines()
        assert message == (
            f"error: runs/digits-1 is being written by process {first.pid} on {socket.gethostname()}"
        )
        assert f"kill {first.pid}" in remedy
    first.kill()
    first.wait()
    for words in WRITERS.values():
        said = spacelang(*words)
        assert said.code == 0, said.err


def test_who_looks_is_not_kept_out(spacelang, here: Path) -> None:
    first = holding(here / "runs" / "digits-1")
    assert spacelang("inspect").code == 0
    assert spacelang("report", "-o", "page.html").code == 0
    first.kill()
    first.wait()


def test_the_lock_ends_with_its_process_and_not_with_what_that_has_started(tmp_path: Path) -> None:
    code = HOLD.replace(
        "time.sleep(60)", "pid = __import__('os').fork(); pid and print(pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    child = int(process.stdout.readline())
    with pytest.raises(Failure), sole_writer(tmp_path):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    os.kill(child, 0)  # still there
    with sole_writer(tmp_path):
        pass
    os.kill(child, signal.SIGKILL)


def test_who_holds_the_lock_may_take_it_again_and_leaves_no_note(tmp_path: Path) -> None:
    with sole_writer(tmp_path):
        with sole_writer(tmp_path):
            pass
        with pytest.raises(subprocess.CalledProcessError):
            subprocess.run([sys.executable, "-c", HOLD, str(tmp_path)], check=True, capture_output=True)
    assert (tmp_path / "lock").read_bytes() == b""


def test_a_full_disk_is_one_message_and_leaves_the_run_free(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))  # as on a full disk, writing fails with an OSError
        with pytest.raises(Failure, match=f"cannot write into {tmp_path}: File too large"), sole_writer(tmp_path):
            pytest.fail("held without a note")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    with sole_writer(tmp_path):
        assert (tmp_path / "lock").read_bytes()


def test_of_the_processes_of_a_job_the_leading_one_holds_the_lock(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with sole_writer(tmp_path):
        assert not (tmp_path / "lock").exists()


def test_where_a_disk_has_no_locks_the_note_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(lock._NO_LOCKS[0], "No locks available")

    monkeypatch.setattr(lock.fcntl, "lockf", none)
    note = tmp_path / "lock"
    for host, process, refused in (
        ("elsewhere", 1, True),
        (socket.gethostname(), os.getppid(), True),
        (socket.gethostname(), 2**22 + 1, False),  # beyond what Linux numbers
    ):
        note.write_text(f'{{"host": "{host}", "process": {process}}}')
        if refused:
            with pytest.raises(Failure, match=f"process {process} on {host}") as caught, sole_writer(tmp_path):
                pass
            assert f"delete {note}" in caught.value.remedy
        else:
            with sole_writer(tmp_path):
                pass


def test_two_that_begin_a_journal_together_both_have_it(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from spacelang_runtime.search.journal_file import open_journal\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for number in range(40):\n"
        "    folder = Path(sys.argv[1], str(number)); folder.mkdir(exist_ok=True)\n"
        "    with open_journal(folder) as journal: assert journal.counts() == (0, 0)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    pair = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in pair:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in pair:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in pair:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said


@pytest.fixture
def read_only(here: Path):
    """The run, where nothing can be written; the last score is in the journal's write-ahead log alone."""
    folder = here / "runs" / "digits-1"
    with open_journal(folder) as journal:
        journal.database.execute("PRAGMA wal_autocheckpoint = 0")
        journal.search(journal.last().account, 3, 50)
        kept = {path.name: path.read_bytes() for path in folder.glob("journal.sqlite*")}
    for name, content in kept.items():
        if not name.endswith("-shm"):
            (folder / name).write_bytes(content)
    (folder / "journal.sqlite-shm").unlink(missing_ok=True)
    return folder


def test_looking_needs_no_right_to_write(spacelang, read_only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write wherever the rights say otherwise: the answer to the question is what counts.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    before = {path.name: path.read_bytes() for path in read_only.iterdir() if path.is_file()}
    for words in (["inspect"], ["report", "-o", "page.html"]):
        said = spacelang(*words)
        assert said.code == 0, said.err
    with look(read_only) as journal:
        assert journal.counts()[0] == 2, "with what is in the log"
    assert {path.name: path.read_bytes() for path in read_only.iterdir() if path.is_file()} == before


def test_looking_makes_no_journal(spacelang, here: Path) -> None:
    journal = here / "runs" / "digits-1" / "journal.sqlite"
    journal.unlink()
    assert spacelang("inspect").code == 0
    assert not journal.exists()


def test_only_a_damaged_journal_is_to_be_moved_away(here: Path) -> None:
    folder = here / "runs" / "digits-1"
    with open_journal(folder) as journal:
        journal.database.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Failure) as caught, open_journal(folder, 0.1) as other:
            other.search("another", 2, 50)
    assert "move" not in caught.value.remedy
    assert "wait for its end" in caught.value.remedy
    (folder / "journal.sqlite").write_bytes(b"this is no database" * 99)
    for opened in (open_journal, look):
        with pytest.raises(Failure) as caught, opened(folder):
            pass
        assert "move it away" in caught.value.remedy


def test_what_killed_writers_have_left_is_removed_by_the_next(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "model").mkdir()
    names = (".checkpoint.pt.{}.part", "model/.model.safetensors.{}.part")
    left = [tmp_path / name.format(process) for name in names for process in (ended.pid, os.getpid(), os.getppid())]
    left += [tmp_path / ".notes.part", tmp_path / f".new.{ended.pid}.part"]
    for path in left:
        path.touch()
        os.utime(path, (0, 0))
    left[-1].touch()  # just now
    with sole_writer(tmp_path):
        pass
    theirs = [path for path in left[:-2] if f".{os.getppid()}." in path.name]
    assert [path for path in left if path.exists()] == [*theirs, *left[-2:]]


def test_what_killed_writers_of_a_file_have_left_is_removed_by_the_next_writer_of_it(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = ("page.html", "page", "config.json")
    left = {name: tmp_path / f".{name}.{ended.pid}.part" for name in names}
    for path in left.values():
        path.touch()
        os.utime(path, (0, 0))
    replace_json(tmp_path / "config.json", {})
    write(tmp_path / "page.html", "a page")
    assert [name for name, path in left.items() if path.exists()] == ["page"]


def test_what_is_half_written_in_a_run_that_nobody_goes_on_with_is_removed_by_the_next_run(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / "tiny-1" / f".checkpoint.pt.{ended.pid}.part"
    left.parent.mkdir()
    left.touch()
    os.utime(left, (0, 0))
    assert take(tmp_path, "tiny").name == "tiny-2"
    assert not left.exists()
