"""The tasks by their names. Each is imported when it is asked for, with the packages that it needs."""

from __future__ import annotations

from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.task import Task


def task(name: str) -> Task:
    """The task of a name. Raises `Failure` where one of its packages is not installed."""
    try:
        match name:
            case "detect":
                from spacelang_runtime.tasks.detect.task import DETECT as found
            case "segment":
                from spacelang_runtime.tasks.segment.task import SEGMENT as found
            case _:
                from spacelang_runtime.tasks.vqa.task import VQA as found
    except ModuleNotFoundError as error:
        raise Failure(
            f"{name} needs a package that is not installed: {error.name}", "pip install 'spacelang[transfer]'"
        ) from None
    return found
