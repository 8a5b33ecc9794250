"""One command killed again and again until it comes to its end, and what is wrong with that end."""

from __future__ import annotations

import os
import random
import re
import shlex
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from killed.answers import answer, differences, journals
from killed.child import LOADED, SCORED, End, begun, eased, ended, load, said
from killed.works import FINISH, OFTEN, Work

SPANS = (1.0, 0.5, 0.2)  # of the time that an undisturbed command takes: within it a kill comes
MOST = 10  # kills of one command, after which it may come to its end
GOES_ON = re.compile(r"(?:go on with(?: it)?|if it was stopped|its model): spacelang ([^;\n]*)")
SAME = "give the same command again"


@frozen(eq=False)
class Undisturbed:
    """A command that was left alone. answer: what it has left; seconds: that it took."""

    answer: dict[str, Any]
    seconds: float


@define
class Trial:
    """How it went. kills: that met the command at work. bare: of those, where a run had no checkpoint yet. slowest:
    seconds that it took to end by SIGTERM. findings: what was wrong."""

    kills: int = 0
    bare: int = 0
    slowest: float = 0.0
    findings: list[str] = field(factory=list)


def fresh(work: Work, made: Path, folder: Path) -> Path:
    """A folder in which a work can begin."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, source in work.needs.items():
        (shutil.copytree if (made / source).is_dir() else shutil.copy2)(made / source, folder / name)
    return folder


def command(folder: Path, words: tuple[str, ...], after: float | None, by: signal.Signals) -> End:
    """Run a command in a folder, and send it a signal after some seconds."""
    scored = folder.parent / SCORED
    scored.write_text("")
    return ended(begun(folder, words, partial(eased, scored, OFTEN, FINISH)), after, by)


def undisturbed(work: Work, made: Path, folder: Path, times: int = 2) -> Undisturbed:
    """A command that nobody kills. What it loads is loaded here for all that follow, and only what it does the last
    of so many times is timed. Raises SystemExit where it fails, or gives another answer each time."""
    found = []
    for _ in range(times):
        end = command(fresh(work, made, folder), work.words, None, signal.SIGKILL)
        if end.code:
            raise SystemExit(f"{shlex.join(work.words)} ended with {end.code}: {said(folder)}")
        load((folder.parent / LOADED).read_text().split())
        found.append(Undisturbed(answer(folder), end.seconds))
    if apart := differences(found[0].answer, found[-1].answer):
        raise SystemExit(f"{shlex.join(work.words)} gives another answer each time: {apart}")
    return found[-1]


def tried(
    work: Work,
    by: signal.Signals,
    made: Path,
    folder: Path,
    usual: Undisturbed,
    luck: random.Random,
    most: int = MOST,
) -> Trial:
    """Kill a command up to so many times, each time going on as it is told, and compare its end."""
    trial, words = Trial(), work.words
    fresh(work, made, folder)
    most = luck.randint(1, most)
    while True:
        before = journals(folder)
        span = usual.seconds * luck.choice(SPANS)
        end = command(folder, words, luck.uniform(0, span) if trial.kills < most else None, by)
        _scored(folder, before, trial)
        if end.left:
            trial.findings.append("processes were left running")
        if end.code == 0 or (work.twice and end.sent is False and trial.kills and end.code == 1):
            break
        if not end.sent:
            trial.findings.append(f"{shlex.join(words)} failed with {end.code}: {said(folder)[-3000:]}")
            break
        if by == signal.SIGTERM:
            trial.slowest = max(trial.slowest, end.late)
            if end.code == -signal.SIGKILL:
                trial.findings.append("SIGTERM did not end it")
            elif end.code > 0 and "Traceback" in said(folder):
                trial.findings.append(f"a traceback by SIGTERM: {said(folder)[-3000:]}")
        trial.kills += 1
        trial.bare += _bare(folder)
        for part in folder.rglob(".*.part"):  # a minute later
            os.utime(part, (0, 0))
        further = following(work, folder, said(folder))
        if further is None:
            break
        words = further
    trial.findings += differences(usual.answer, answer(folder))
    trial.findings += [f"left behind: {part.relative_to(folder)}" for part in folder.rglob("*.part")]
    return trial


def following(work: Work, folder: Path, told: str) -> tuple[str, ...] | None:
    """The command that goes on: as the last one has said in its end, or as it is told when it is asked for; the
    same where there is no run yet that could go on, and none where the run has come to its end."""
    if named := GOES_ON.findall(told):
        return tuple(shlex.split(named[-1]))
    if work.ask is None or SAME in told:
        return work.words
    runs = [
        path.parent for path in (folder / "runs").glob("*/run.json") if (path.parent / "checkpoint.pt").exists()
    ]
    if not runs:
        return work.words
    (run,) = runs
    words = work.ask(run.name)
    command(folder, words, None, signal.SIGKILL)
    if named := GOES_ON.findall(said(folder)):
        return tuple(shlex.split(named[-1]))
    return words if words[0] == "transfer" else None


def _bare(folder: Path) -> bool:
    runs = [path for path in (folder / "runs").glob("*") if not path.name.startswith("refine-")]
    return any(not (run / "checkpoint.pt").exists() for run in runs)


def _scored(folder: Path, before: dict[str, int], trial: Trial) -> None:
    """Whether what was in a journal before was scored again, or is gone; or a network was scored twice at once."""
    seen = [line.split() for line in (folder.parent / SCORED).read_text().splitlines()]
    again = [name for name, at in seen if int(at) < before.get(name, 0)]
    after = journals(folder)
    gone = [name for name, images in before.items() if after.get(name, 0) < images]
    for what, names in (("scored again", again), ("a score is gone", gone)):
        if names:
            trial.findings.append(f"{what}: {', '.join(name[:16] for name in names[:3])}")
