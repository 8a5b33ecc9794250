"""Work shared out to processes comes back in order, and a failure there is a failure here."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from image_folder import image_folder, opened

from spacelang_runtime.data import batch, workers
from spacelang_runtime.data.augment import view_of
from spacelang_runtime.data.batch import Views
from spacelang_runtime.data.mapped import mapped
from spacelang_runtime.data.pictures import Held
from spacelang_runtime.data.sampler import Sampler
from spacelang_runtime.data.workers import _unless_nobody_listens, worked
from spacelang_runtime.failure import Failure


def squared(number: int) -> int:
    return number * number


def failing(number: int) -> int:
    if number == 2:
        raise Failure("number 2 is missing", "add it")
    return number


def killed(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_come_in_the_order_of_the_numbers(workers):
    assert list(worked(squared, range(3, 20), workers)) == [number**2 for number in range(3, 20)]
    assert list(worked(squared, range(0), workers)) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_failure_arrives_as_it_was_raised_after_what_came_before_it(workers):
    results = worked(failing, range(5), workers)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(Failure, match="number 2 is missing") as failure:
        next(results)
    assert failure.value.remedy == "add it"


def test_the_death_of_a_worker_is_explained():
    with pytest.raises(Failure, match="a process that prepares images was killed") as failure:
        list(worked(killed, range(3), 1))
    assert "fewer workers" in failure.value.remedy


def test_a_worker_that_is_told_to_end_while_it_begins_does_its_work(monkeypatch):
    """A signal may reach the whole group at any time; when the workers end is the parent's to say."""
    begin = workers._belong_to_the_parent

    def told(worker: int) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
        begin(worker)

    monkeypatch.setattr(workers, "_belong_to_the_parent", told)
    assert list(worked(squared, range(3), 1)) == [0, 1, 4]
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()), "the parent can be told as before"


LARGE = """
import os, sys
import numpy as np
from spacelang_runtime.data.workers import worked

def job(number):
    return os.getpid(), np.zeros(1_000_000)

results = worked(job, range(100), 2)
print(next(results)[0], next(results)[0], flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_workers_end_with_a_parent_that_is_killed_while_their_results_are_under_way():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", LARGE], text=True, **pipes) as parent:
        assert parent.stdout is not None
        workers = [int(text) for text in parent.stdout.readline().split()]
        parent.kill()
    assert len(set(workers)) == 2
    ended = time.monotonic() + 30
    while alive(workers) and time.monotonic() < ended:
        time.sleep(0.1)
    assert not alive(workers)


EARLY = """
import os, signal, time
from spacelang_runtime.data.workers import worked

parent = os.getpid()

def begin():
    print(os.getpid(), flush=True)
    os.kill(parent, signal.SIGKILL)
    while os.getppid() == parent:
        time.sleep(0.01)

os.register_at_fork(after_in_child=begin)
next(worked(abs, range(100), 1))
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_a_worker_ends_whose_parent_is_killed_before_it_has_begun():
    with subprocess.Popen([sys.executable, "-c", EARLY], text=True, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
    assert parent.returncode == -signal.SIGKILL
    ended = time.monotonic() + 30
    while alive([worker]) and time.monotonic() < ended:
        time.sleep(0.1)
    assert not alive([worker])


SPAWNED = """
import multiprocessing, os, signal, sys
from spacelang_runtime.data.workers import worked

multiprocessing.set_start_method(sys.argv[1])
start = multiprocessing.process.BaseProcess.start

def told(process):
    start(process)
    print(process.pid, flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(process.pid, number)
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)

multiprocessing.process.BaseProcess.start = told
print(list(worked(abs, range(3), 1)))
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize("killed", [False, True])
def test_a_worker_that_is_not_forked_from_the_parent_ends_with_it_and_not_before(method: str, killed: bool) -> None:
    """As on macOS (spawn), and on Linux from Python 3.14 on (forkserver)."""
    command = [sys.executable, "-c", SPAWNED, method, "killed" if killed else "told"]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        if not killed:
            assert parent.stdout.read() == "[0, 1, 2]\n"
            return
    ended = time.monotonic() + 60
    while alive([worker]) and time.monotonic() < ended:
        time.sleep(0.1)
    assert not alive([worker])


def alive(workers: list[int]) -> list[int]:
    """Those that run; a process that has ended may wait for whoever asks how."""
    states = {pid: Path(f"/proc/{pid}/stat") for pid in workers}
    return [pid for pid, stat in states.items() if stat.exists() and ") Z " not in stat.read_text()]


def test_a_workers_job_can_be_sent_to_a_process_that_shares_no_memory(tmp_path):
    data = opened(image_folder(tmp_path), rand_augment=9, erasing=Fraction(1, 2))
    schedule = Sampler(data.train_size, 8, 1, 0)
    job = Views(
        data.train.pictures, data.train.labels, schedule, view_of(data.recipe, 16, 3, data.preprocessing), 0, 1
    )
    assert torch.equal(pickle.loads(pickle.dumps(job))(4).images, job(4).images)


def test_mapped_pixels_are_not_sent_but_mapped_again(tmp_path):
    data = opened(image_folder(tmp_path))
    (tmp_path / "pixels").write_bytes(bytes(range(200)) * 60)
    shapes = np.full((len(data.train), 2), (2, 3))
    for pixels, large in ((mapped(tmp_path / "pixels"), False), (np.arange(12_000, dtype=np.uint8), True)):
        held = Held(data.train.pictures, pixels, shapes)
        sent = pickle.dumps(held)
        assert (len(sent) - len(pickle.dumps((data.train.pictures, shapes))) > 12_000) == large
        again = pickle.loads(sent)
        assert np.array_equal(again.pixels, pixels)
        assert again.read(3).tobytes() == held.read(3).tobytes()


def test_a_batch_is_the_same_in_pieces_of_any_size(tmp_path, monkeypatch):
    """Small images come in larger pieces: to hand a piece over takes about the same, whatever is in it."""
    data = opened(image_folder(tmp_path))
    schedule = Sampler(data.train_size, 8, 1, 0)
    job = Views(
        data.train.pictures, data.train.labels, schedule, view_of(data.recipe, 16, 3, data.preprocessing), 0, 1
    )
    assert job.parts == 1
    whole = job(3).images
    monkeypatch.setattr(batch, "LEAST", 1)
    monkeypatch.setattr(batch, "PIECE", 3 * (3 * 16 * 16))
    assert job.parts == 3
    pieces = [job(3 * job.parts + part).images for part in range(job.parts)]
    assert [len(piece) for piece in pieces] == [2, 3, 3]
    assert torch.equal(torch.cat(pieces), whole)


def test_a_worker_says_nothing_of_a_parent_that_stops_while_it_takes_a_result_over(capsys):
    """What takes results over in a worker is a thread, whose errors go to the hook of the interpreter."""
    for error, told in ((ConnectionResetError(104, "reset"), False), (EOFError(), False), (ValueError("x"), True)):
        _unless_nobody_listens(type(error), error, None)
        assert bool(capsys.readouterr().err) is told
