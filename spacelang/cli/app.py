"""The commands and their words."""

from __future__ import annotations

import typer

from spacelang.cli.check import check
from spacelang.cli.compile import compile_
from spacelang.cli.diff import diff
from spacelang.cli.eval import evaluate
from spacelang.cli.evolve import evolve
from spacelang.cli.explain import explain
from spacelang.cli.export import export
from spacelang.cli.fmt import fmt
from spacelang.cli.import_ import import_
from spacelang.cli.inspect import inspect
from spacelang.cli.lsp import lsp
from spacelang.cli.new import new
from spacelang.cli.sample import sample
from spacelang.cli.train import train

app = typer.Typer(
    name="spacelang",
    help="Describe a space of vision transformers, train its supernet, search it, take the best model home.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(new)
app.command()(check)
app.command()(explain)
app.command()(fmt)
app.command()(inspect)
app.command()(sample)
app.command()(diff)
app.command("compile")(compile_)
app.command()(train)
app.command()(evolve)
app.command("eval")(evaluate)
app.command()(export)
app.command("import")(import_)
app.command()(lsp)
