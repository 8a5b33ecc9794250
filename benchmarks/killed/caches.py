"""A cache that cannot be used: read-only, of another user, or open to others. Work goes on without it, and ends the
same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from killed.answers import answer, differences
from killed.child import CACHE, SCORED, begun, eased, ended, said
from killed.trial import Undisturbed, fresh
from killed.works import FINISH, OFTEN, Work

NOBODY = 65534
# What the folder of the cache is: its owner (None: who works), its rights, what is said.
CACHES: Mapping[str, tuple[int | None, int, str]] = {
    "read-only": (None, 0o555, ""),
    "of another user": (0, 0o755, "belongs to another user"),
    "open to others": (None, 0o777, "others may write"),
}


def tried(work: Work, made: Path, folder: Path, usual: Undisturbed) -> list[str]:
    """What is wrong with a work that has such a cache. Only with the rights of root it can work as another user:
    without them a cache of another user is left out."""
    root = os.geteuid() == 0
    findings = []
    for name, (owner, mode, told) in CACHES.items():
        if owner is not None and not root:
            continue
        fresh(work, made, folder)
        cache = folder / CACHE / "spacelang"
        cache.mkdir(parents=True)
        if root:
            _give(folder, NOBODY)
            os.chown(cache, NOBODY if owner is None else owner, -1)
        cache.chmod(mode)
        scored = folder.parent / SCORED
        scored.write_text("")
        scored.chmod(0o666)
        (folder.parent).chmod(0o777)
        for left in folder.parent.glob("*.log"):
            left.chmod(0o666)
        end = ended(begun(folder, work.words, partial(_prepared, root, scored)))
        heard = said(folder)
        if end.code:
            findings.append(f"a cache {name}: ended with {end.code}: {heard[-600:]}")
        elif told not in heard:
            findings.append(f"a cache {name}: nothing is said of it")
        else:
            findings += [f"a cache {name}: {line}" for line in differences(usual.answer, answer(folder))]
        if mode != 0o777 and list(cache.iterdir()):
            findings.append(f"a cache {name} was written into")
        cache.chmod(0o755)
    shutil.rmtree(folder)
    return findings


def _prepared(root: bool, scored: Path) -> None:
    if root:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    eased(scored, OFTEN, FINISH)


def _give(folder: Path, user: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, -1)
