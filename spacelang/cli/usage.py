"""What is wrong with the words of a command line, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spacelang.cli.commands import COMMANDS


def usage(error: Any, words: Sequence[str]) -> tuple[str, str]:
    """The message of a command line that cannot be understood, and its remedy."""
    command = f"spacelang {words[0]}" if words[0] in COMMANDS else "spacelang"
    remedy = f"{command} --help says what there is"
    if words[0] in _COMMANDS:
        return f"there is no command {words[0]}", f"it is called {_COMMANDS[words[0]]} here: {remedy}"
    if hasattr(error, "possibilities"):
        return f"{command} has no option {error.option_name}", _meant(error) or remedy
    message = error.format_message().rstrip(".")
    if extra := re.search(_EXTRA, message):
        remedy = _placed(extra[2].split()[0], words, error) or remedy
    for theirs, ours in _PLAINLY:
        message = re.sub(theirs, ours, message)
    return message[:1].lower() + message[1:], remedy


# What commands are called elsewhere, and here.
_COMMANDS = {
    theirs: ours
    for ours, words in {
        "predict": ("classify", "infer", "inference", "prediction", "detect", "label", "recognize", "recognise"),
        "transfer segment": ("segment", "segmentation"),
        "transfer vqa": ("vqa", "ask"),
        "train": ("fit", "pretrain", "training", "learn"),
        "eval": ("evaluate", "test", "val", "valid", "score", "accuracy"),
        "evolve": ("search", "evolution", "nas", "optimize", "optimise"),
        "finetune": ("tune", "fine-tune", "fine_tune", "retrain", "distill"),
        "export": ("save", "convert", "onnx", "deploy"),
        "import": ("load", "download", "pull"),
        "inspect": ("show", "info", "summary", "ls", "list", "status", "runs", "count", "print"),
        "check": ("validate", "lint", "verify"),
        "fmt": ("format",),
        "measure": ("benchmark", "bench", "profile", "latency", "time"),
        "attention": ("visualize", "visualise", "plot", "explain-attention"),
        "new": ("init", "create"),
    }.items()
    for theirs in words
}

_EXTRA = r"Got unexpected extra arguments?(\(s\))? \((.*)\)"
# What the libraries behind the command line say, in plain words.
_PLAINLY = (
    ("Value error, ", ""),
    ("Input should be greater than or equal to ", "it is at least "),
    ("Input should be less than or equal to ", "it is at most "),
    ("Input should be a valid integer.*", "it is a whole number"),
    (_EXTRA, r"nothing is known to do with: \2"),
)


def _meant(error: Any) -> str | None:
    """The option that was meant by one that a command does not have, or the line of its recipe."""
    import attrs

    from spacelang.diagnostics import nearest
    from spacelang.language.meant import meant
    from spacelang.recipe import Evolve, Refine, Train
    from spacelang_runtime.tasks import recipe as transfer

    recipes: dict[str, tuple[type, ...]] = {
        "train": (Train,),
        "finetune": (Train,),
        "finish": (Train,),
        "evolve": (Evolve,),
        "judge": (Refine,),
        "refine": (Refine,),
        "transfer": (transfer.TaskTrain, transfer.Detect, transfer.Segment, transfer.Vqa),
    }
    name, options = error.ctx.info_name, [word for param in error.ctx.command.params for word in param.opts]
    option = nearest(error.option_name, options)
    if name in recipes:
        names = {field.name for kind in recipes[name] for field in attrs.fields(kind)}
        lines = names - {"bounds", "mutate", "steps"}
        line = meant(error.option_name.lstrip("-").replace("-", "_"), lines)
        if line is not None and not option:
            return f"{line} is a line of the recipe: change it for this run with --set {line}=…"
    return f"did you mean {option}?" if option else None


def _placed(extra: str, words: Sequence[str], error: Any) -> str | None:
    """How a word that has no place on its own was meant: as the value of a recipe's line, or as the data."""
    at = words.index(extra) if extra in words else 0
    if at > 2 and words[at - 2] == "--set" and "=" not in words[at - 1]:
        return f"did you mean --set {words[at - 1]}={extra}?"
    options = {word for param in error.ctx.command.params for word in param.opts}
    return f"did you mean --data {extra}?" if "--data" in options and Path(extra).exists() else None
