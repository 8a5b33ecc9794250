"""The forms of data that are known, and which of them something is."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from spacelang_runtime.data.decode import shown
from spacelang_runtime.data.forms import folder, parquet, saved, shards, zipped
from spacelang_runtime.data.listing import LAYOUT, Listing
from spacelang_runtime.failure import Failure

Form = Callable[[str, bool], Listing | None]

# The first that knows what it is given takes it; a folder is what anything else in a folder is.
FORMS: tuple[Form, ...] = (zipped.listed, saved.listed, parquet.listed, shards.listed, folder.listed)
TAKEN = "a zip of such a folder, tar shards (shards-{000..099}.tar), Parquet files, or what save_to_disk wrote"


def listed(where: str, only_test: bool = False) -> Listing:
    """What is at `where`, in whatever form it is. only_test: whether training images are left aside. Raises
    `Failure` where it is nothing that can be read."""
    for form in FORMS:
        if (listing := form(where, only_test)) is not None:
            return listing
    path = Path(where).expanduser()
    what = "is a file of an unknown kind" if path.exists() else "does not exist"
    near = _near(path)
    remedy = f"did you mean {shown(near)}?" if near else f"give digits (built in), or {TAKEN}; {LAYOUT}"
    raise Failure(f"{shown(path)}: this data {what}", remedy)


def _near(path: Path) -> Path | None:
    """What was meant by a name that is none: what lies beside it with other capitals, or a slip away."""
    try:
        there = sorted(one.name for one in path.parent.iterdir() if one.name[0] != "." and _may_be(one))
    except OSError:
        return None
    same = [name for name in there if name.lower() == path.name.lower() != name]
    found = same or get_close_matches(path.name, there, n=1)
    return path.parent / found[0] if found else None


def _may_be(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in (".zip", ".tar", ".parquet")
