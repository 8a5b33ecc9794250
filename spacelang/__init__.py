"""The `.space` language: its compiler, its command line, and what `import spacelang as sl` offers.

Nothing here imports torch, and a name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spacelang.version import __version__ as __version__

if TYPE_CHECKING:
    from spacelang.api.architecture import Architecture as Architecture
    from spacelang.api.error import NotABound as NotABound
    from spacelang.api.error import NotAnOption as NotAnOption
    from spacelang.api.error import SpaceError as SpaceError
    from spacelang.api.finetune import finetune as finetune
    from spacelang.api.import_model import import_model as import_model
    from spacelang.api.load import load as load
    from spacelang.api.load import parse as parse
    from spacelang.api.measure import measure as measure
    from spacelang.api.model import Model as Model
    from spacelang.api.model import load_model as load_model
    from spacelang.api.open_transfer import open_transfer as open_transfer
    from spacelang.api.refine import refine as refine
    from spacelang.api.run import Run as Run
    from spacelang.api.run import open_run as open_run
    from spacelang.api.search import search as search
    from spacelang.api.searcher import Searcher as Searcher
    from spacelang.api.space import Space as Space
    from spacelang.api.train import resume as resume
    from spacelang.api.train import train as train
    from spacelang.api.transfer import transfer as transfer
    from spacelang_runtime.failure import Failure as Failure

# Where each public name lives. None is the name of a module of this package: loading that would replace it.
_PUBLIC = {
    "transfer": "spacelang.api.transfer",
    "finetune": "spacelang.api.finetune",
    "NotAnOption": "spacelang.api.error",
    "Architecture": "spacelang.api.architecture",
    "Failure": "spacelang_runtime.failure",
    "Run": "spacelang.api.run",
    "Model": "spacelang.api.model",
    "NotABound": "spacelang.api.error",
    "Searcher": "spacelang.api.searcher",
    "Space": "spacelang.api.space",
    "SpaceError": "spacelang.api.error",
    "import_model": "spacelang.api.import_model",
    "load": "spacelang.api.load",
    "load_model": "spacelang.api.model",
    "measure": "spacelang.api.measure",
    "open_run": "spacelang.api.run",
    "open_transfer": "spacelang.api.open_transfer",
    "parse": "spacelang.api.load",
    "refine": "spacelang.api.refine",
    "resume": "spacelang.api.train",
    "search": "spacelang.api.search",
    "train": "spacelang.api.train",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'spacelang' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
