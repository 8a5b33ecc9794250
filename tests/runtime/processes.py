"""Processes that begin at once: each is a fork of one that has loaded what takes seconds, and done nothing else."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from spacelang.cli import main
from spacelang_runtime.engine.distributed import join

SAID = "said"  # in the folder of a command: what it says

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["torch", "spacelang.cli", "spacelang_runtime.engine.train", "spacelang_runtime.tasks.transfer.objective"]
)


@contextmanager
def command(folder: Path, *words: str) -> Iterator[BaseProcess]:
    """The command line in a process, and a session, of its own. What it says is `said(folder)`. It is killed in the
    end, if it is still there."""
    process = FORKS.Process(target=_command, args=(folder, words))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def said(folder: Path) -> str:
    path = folder / SAID
    return path.read_text(encoding="utf-8") if path.exists() else ""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def place(rank: int, port: int) -> dict[str, str]:
    """What torchrun tells a process of two."""
    ranks = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    return ranks | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


def _command(folder: Path, words: tuple[str, ...]) -> None:
    os.setsid()
    os.chdir(folder)
    file = os.open(SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.argv = ["spacelang", *words]
    main()


def two(task: Callable[..., Any], *given: Any) -> list[Any]:
    """What two processes of a job answer: `task(world, *given)`, by rank."""
    port, answers = free_port(), FORKS.Queue()
    processes = [FORKS.Process(target=_one, args=(rank, port, answers, task, given)) for rank in range(2)]
    for process in processes:
        process.start()
    answered = sorted((answers.get(timeout=240) for _ in processes), key=lambda answer: answer[0])
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0], answered
    return [answer for _, answer in answered]


def _one(rank: int, port: int, answers: Any, task: Callable[..., Any], given: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    os.environ |= place(rank, port)
    try:
        with join("cpu") as world:
            answer = task(world, *given)
        answers.put((rank, answer))
    except BaseException:
        answers.put((rank, traceback.format_exc()))
        raise
