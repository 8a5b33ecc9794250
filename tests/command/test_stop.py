"""Ctrl-C ends a command with one line and exit code 130, whatever it is doing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spacelang.cli.resumable import resumable
from spacelang.cli.stop import stoppable, stopped_in_words

SPACES = Path(__file__).resolve().parents[2] / "spaces"

STUBBORN = """
import os, signal, time
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(20)
except BaseException:
    pass
"""


def test_a_module_that_swallows_the_interrupt_is_not_loaded_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    code = "from spacelang.cli.stop import stoppable\nwith stoppable():\n  import stubborn\nprint('went on')"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=os.environ, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "error: stopped\n")


def test_an_interrupt_elsewhere_is_an_exception_and_the_old_handler_comes_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stoppable():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_goes_on_when_it_is_given_again_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end, resumable():
        raise KeyboardInterrupt
    assert end.value.code == 130
    assert capsys.readouterr().err == (
        "error: stopped\n  help: every score is kept: give the same command again to go on\n"
    )


def test_a_command_that_waits_is_stopped_in_one_line() -> None:
    command = [
        sys.executable,
        "-c",
        "import os, threading, signal, time; from spacelang.__main__ import main\n"
        "import spacelang.cli.check, sys\n"
        "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "sys.argv = ['spacelang', 'check', '-']; main()",
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.wait(60) == 130
    assert process.stderr is not None
    assert process.stderr.read() == "error: stopped\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 1), (signal.SIGINT, 130)])
def test_a_measurement_that_is_stopped_says_that_it_begins_anew(number: int, code: int, tmp_path: Path) -> None:
    code_ = (
        "import os, signal, sys, threading; from spacelang.cli import main\n"
        "import spacelang_runtime.app.latency as latency\n"
        f"latency.measure = lambda *_, **__: os.kill(os.getpid(), {int(number)}) or threading.Event().wait(20)\n"
        f"sys.argv = ['spacelang', 'measure', {str(SPACES / 'digits.space')!r}, '-o', 'there.json']; main()"
    )
    ended = subprocess.run([sys.executable, "-c", code_], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.splitlines()[-2:] == [
        "error: stopped: there.json is as it was, and no time is kept",
        "  help: give the same command again",
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_handler_of_before_is_back_after_what_says_what_becomes_of_it() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end, stopped_in_words("stopped", "again"):
        signal.raise_signal(signal.SIGTERM)
    assert end.value.code == 1
    assert signal.getsignal(signal.SIGTERM) is before
