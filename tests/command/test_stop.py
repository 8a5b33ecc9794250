"""Ctrl-C ends a command with one line and exit code 130, whatever it is doing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spacelang.cli.resumable import resumable
from spacelang.cli.stop import stoppable

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
