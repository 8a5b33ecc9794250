"""The commands by name, and the application that runs them.

A command's module is imported when it is called for: the others cost nothing. `app` is the application with all
of them, as the help shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from spacelang.cli.front import Command, Front, version

COMMANDS = {
    "new": "new:new",
    "check": "check:check",
    "explain": "explain:explain",
    "fmt": "fmt:fmt",
    "inspect": "inspect:inspect",
    "sample": "sample:sample",
    "diff": "diff:diff",
    "compile": "compile:compile_",
    "train": "train:train",
    "measure": "measure:measure",
    "evolve": "evolve:evolve",
    "finish": "finish:finish",
    "report": "report:report",
    "judge": "judge:judge",
    "refine": "refine:refine",
    "eval": "eval:evaluate",
    "export": "export:export",
    "import": "import_:import_",
    "finetune": "finetune:finetune",
    "predict": "predict:predict",
    "attention": "attention:attention",
    "cache": "cache:cache",
    "transfer": "transfer:transfer",
    "lsp": "lsp:lsp",
}


def application(words: Sequence[str]) -> typer.Typer:
    """The application for a command line: with the one command that it names, or with all where it names none."""
    made = typer.Typer(
        name="spacelang",
        cls=Front,
        help="Describe a space of vision transformers, train its supernet, search it, take the best model home.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        callback=_front,
    )
    named = words[0] if words else ""
    for name in [named] if named in COMMANDS else COMMANDS:
        module, function = COMMANDS[name].split(":")
        called = getattr(import_module(f"spacelang.cli.{module}"), function)
        made.command(name, cls=Command)(called)
    return made


def _front(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=version, is_eager=True, help="Say which versions are at work."),
    ] = False,
) -> None:
    # Having a callback makes an application of one command still want that command's name.
    pass


def __getattr__(name: str) -> typer.Typer:
    if name == "app":
        return application(())
    raise AttributeError(name)
