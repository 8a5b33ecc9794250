"""Files that are not there, cannot be read or cannot be written: each message says which, why and what to do."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spacelang.cli.disk import why, write

ROOT = Path(__file__).resolve().parents[2]
DIGITS = str(ROOT / "spaces" / "digits.space")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a space, a run, a picture and a link in a circle, as the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.space").write_bytes(Path(DIGITS).read_bytes())
    (tmp_path / "runs" / "mine-1").mkdir(parents=True)
    (tmp_path / "runs" / "mine-1" / "run.json").write_text("{}")
    (tmp_path / "space.json").write_text('{"format": "spacelang.space/1"}')
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n")
    (tmp_path / "circle").symlink_to("circle")
    return tmp_path


MEANT = {
    "a shipped space without its folder and suffix": (["train", "digits"], "did you mean spaces/digits.space?"),
    "a slip in the suffix": (["check", "mine.spac"], "did you mean mine.space?"),
    "a slip in a path": (["inspect", "spaces/digit.space"], "did you mean spaces/digits.space?"),
    "a shipped space where a run may stand": (["inspect", "s3"], "did you mean spaces/s3.space?"),
    "both sides of a difference": (["diff", "mine.space", "s3_mobil"], "did you mean spaces/s3_mobile.space?"),
    "a run as a space": (["train", "mine-1"], "spacelang train --resume mine-1"),
    "a folder": (["check", "."], "such as mine.space"),
    "a compiled space": (["check", "space.json"], "the .space file that it was made from"),
    "nothing like it": (["check", "xyzzy"], "such as mine.space"),
    "no such architecture file": (["inspect", "best.json"], "there is no file best.json"),
    "a folder that is no run": (["inspect", "runs"], "neither a run nor a model"),
}


@pytest.mark.parametrize("case", MEANT)
def test_a_word_that_names_no_file_is_answered_with_what_was_meant(case: str, spacelang, here: Path) -> None:
    words, expected = MEANT[case]
    said = spacelang(*words)
    assert said.code == 1
    assert expected in said.err


REFUSED = {
    "no such folder": (["compile", "mine.space", "-o", "a/b.json"], "there is no folder a", "mkdir -p a"),
    "a folder for a file": (["compile", "mine.space", "-o", "runs"], "runs is a folder", "name a file"),
    "a file for a folder": (["new", "mine.space/x"], "mine.space is a file, not a folder", "another place"),
    "a circle of links": (["fmt", "circle"], "circle is a link that leads to itself", "the file that is meant"),
    "a name that is too long": (["new", "x" * 300], "too long for a file", "shorter"),
    "a file that is no text": (["fmt", "picture.png"], "picture.png is not UTF-8 text (byte 0)", ".space file"),
    "a file without end": (["check", "/dev/zero"], "/dev/zero is too large to be a space", ".space file"),
    "a plot in no folder": (["inspect", "mine.space", "--plot", "a/b.svg"], "there is no folder a", "mkdir"),
    "a file for runs": (["inspect", "--runs", "picture.png"], "picture.png is a file", "--runs FOLDER"),
    "a full disk": (["compile", "mine.space", "-o", "/dev/full"], "disk is full: /dev/full", "make room"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_disk_refuses_is_said_with_a_remedy(case: str, spacelang, here: Path) -> None:
    words, message, remedy = REFUSED[case]
    said = spacelang(*words)
    assert said.code == 1
    first, second = said.err.splitlines()
    assert first.startswith("error: ")
    assert message in first
    assert second.startswith("  help: ")
    assert remedy in second


def test_a_plot_is_refused_by_its_name_before_anything_is_counted(spacelang, here: Path) -> None:
    said = spacelang("inspect", "mine.space", "--plot", "bars.gif")
    assert (said.code, said.out) == (2, "")
    assert "bars.gif ends neither in .svg nor in .png" in said.err


@pytest.mark.parametrize("code", sorted(errno.errorcode))
def test_every_refusal_names_the_file(code: int) -> None:
    message, _ = why(OSError(code, os.strerror(code), "some/file"))
    assert "some" in message or code in (errno.EMFILE, errno.ENFILE)
    assert why(OSError(code, os.strerror(code)))[0]


def test_a_text_that_cannot_be_written_whole_leaves_the_old_one(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "mine.space"
    path.write_text("precious")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"mine\.space"):
        write(path, "new")
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_text_keeps_the_link_and_the_permissions_of_the_old_one(tmp_path: Path) -> None:
    path, link = tmp_path / "mine.space", tmp_path / "link.space"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write(link, "new\n")
    assert link.is_symlink()
    assert path.read_bytes() == b"new\n"
    assert path.stat().st_mode & 0o777 == 0o640


def command(words: str, **streams: object) -> subprocess.CompletedProcess[str]:
    line = f"{sys.executable} -m spacelang {words}"
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=os.environ, **streams)


def test_a_reader_that_goes_away_is_no_error_to_tell() -> None:
    assert command("explain | head -1").stderr == ""
    assert command(f"compile {DIGITS} | head -c 1").stderr == ""


def test_a_full_disk_behind_standard_output_is_told() -> None:
    ended = command(f"compile {DIGITS} > /dev/full")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: the disk is full: the output was not written")


def test_standard_input_may_be_any_bytes() -> None:
    assert "<stdin>: ok" in command(f"check - < {DIGITS}").stdout
    assert "is not UTF-8 text" in command("check - < /bin/sh").stderr


def test_a_terminal_without_the_characters_gets_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    ended = command(f"inspect {DIGITS}")
    assert ended.returncode == 0
    assert ended.stdout.isascii()
    assert "591 872" in ended.stdout
