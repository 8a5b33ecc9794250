"""The command line, run in the process of the tests, which leave nothing in the home of who runs them."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen
from hypothesis import settings

from spacelang.cli import main

# Tests run side by side, on as many cores as there are; torch is loaded after this.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# How long an example takes says nothing of the language or the method. They are others each time.
settings.register_profile("suite", deadline=None, max_examples=50)
settings.load_profile("suite")


@frozen
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def done_in() -> Callable[..., None]:
    """The command for fixtures of modules: `done_in(folder, "train", …)`, which has to end well."""

    def run(folder: Path, *words: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(sys, "argv", ["spacelang", *words])
            with pytest.raises(SystemExit) as end:
                main()
        assert end.value.code == 0

    return run


@pytest.fixture
def spacelang(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """The command: `spacelang("train", …)`."""

    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["spacelang", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return Said(end.value.code, told.out, told.err)

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data that some tests read: `SPACELANG_DATA`, else `shared/data` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SPACELANG_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no data in {folder}: name its folder in SPACELANG_DATA")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _cache_of_their_own() -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="spacelang-cache-") as folder:
        os.environ["SPACELANG_CACHE"] = folder
        yield
        del os.environ["SPACELANG_CACHE"]
