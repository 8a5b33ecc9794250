"""What `--help` says: the commands by what they are for, the options of each, and examples to copy.

The layout is plain text, so that it reads alike on a terminal of any width, in a pipe and in a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from spacelang.api.error import NotABound, NotAnOption

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Write a space": {
        "new": "write a commented space to begin with",
        "check": "say all that is wrong with a space",
        "explain": "tell the story of a message, by its code",
        "fmt": "bring spaces into the canonical layout",
        "lsp": "serve an editor",
    },
    "Look at it": {
        "inspect": "show a space, a run or a network",
        "sample": "draw networks of a space, exactly inside bounds",
        "diff": "say what changed between two spaces",
        "compile": "write a space as JSON",
    },
    "Train and search": {
        "train": "train the supernet of a space",
        "measure": "time the blocks of a space on a device, to bound searches by latency",
        "evolve": "find the best network within bounds",
        "finish": "train the best network on, alone",
        "report": "write a run as one page for a browser",
        "judge": "say how good a space is, and where its choices should go",
        "refine": "search the space itself: train, judge, move, again",
    },
    "Take a model home": {
        "eval": "measure networks on the test images",
        "predict": "say what photos show",
        "attention": "draw where the heads of a network look",
        "export": "write a network as a model of its own",
        "import": "bring a model of timm into the same form",
        "finetune": "train one model further, anew, or by a teacher",
        "transfer": "build detection, segmentation or question answering on a model",
        "cache": "show or remove what is kept on the disk between commands",
    },
}

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "": (
        "spacelang new mine                      # mine.space, commented",
        "spacelang train spaces/digits.space     # minutes on a laptop",
        "spacelang evolve --flops 100K           # the best network of at most 100 000 MACs",
        "spacelang export best -o model/         # config.json and model.safetensors",
    ),
    "new": ("spacelang new mine", "spacelang new spaces/mine.space"),
    "check": (
        "spacelang check mine.space",
        "spacelang check spaces/*.space --format github",
        "git show HEAD:mine.space | spacelang check -",
    ),
    "explain": ("spacelang explain E0309", "spacelang explain | less"),
    "fmt": ("spacelang fmt mine.space", "spacelang fmt --check spaces/*.space"),
    "inspect": (
        "spacelang inspect spaces/s3.space",
        "spacelang inspect spaces/s3.space --flops 4G..4.5G --histogram",
        "spacelang inspect                       # the latest run",
        "spacelang inspect digits-1",
        "spacelang inspect i8-p2-c10/16:h2q16m2w2",
    ),
    "sample": ("spacelang sample spaces/s3.space -n 5 --flops 4.5G",),
    "diff": ("spacelang diff spaces/s3.space spaces/s3_mobile.space",),
    "compile": ("spacelang compile mine.space -o mine.json",),
    "train": (
        "spacelang train spaces/digits.space",
        "spacelang train spaces/s3.space --data /path/to/imagenet",
        "spacelang train mine.space --data photos --budget 30m --set batch=256",
        "spacelang train spaces/mini.space --data photos --flops 500M",
        "spacelang train --resume digits-1",
        "torchrun --nproc-per-node 8 --no-python spacelang train spaces/s3.space --data /path/to/imagenet",
        "torchrun --nproc-per-node 8 --max-restarts 3 --no-python spacelang train spaces/s3.space --data /imagenet",
    ),
    "evolve": (
        "spacelang evolve                        # the latest run, within its recipe's bounds",
        "spacelang evolve s3-1 --flops 4.5G --params 28M",
        "spacelang evolve s3-1 --space spaces/s3_mobile.space",
        "spacelang evolve --flops 200M,300M,400M --finish 5%",
        "spacelang evolve --pareto accuracy,flops",
        "spacelang evolve --cost latency.json --latency 5ms",
        "torchrun --nproc-per-node 4 --no-python spacelang evolve --flops 4.5G",
    ),
    "finish": (
        "spacelang finish                        # the latest run's best, for 5 % of the supernet's time",
        "spacelang finish s3-1 --share 10% --final",
    ),
    "measure": (
        "spacelang measure spaces/s3.space --device cuda --batch 64 --precision bf16",
        "spacelang measure spaces/digits.space --device cpu --batch 1 --check 20",
    ),
    "report": ("spacelang report                        # the latest run", "spacelang report s3-1 -o s3-1.html"),
    "judge": (
        "spacelang judge                         # the latest run, within its recipe's bounds",
        "spacelang judge s3-1 --flops 4.5G --report s3.html",
        "spacelang judge s3-1 --next s3_2.space",
    ),
    "refine": (
        "spacelang refine spaces/digits.space --rounds 2 --steps 600",
        "spacelang refine mine.space --data photos --budget 30m --flops 450M",
    ),
    "eval": (
        "spacelang eval best largest smallest --random 20",
        "spacelang eval s3-1 --classes",
        "spacelang eval model/ --data photos",
    ),
    "predict": (
        "spacelang predict model/ photo.jpg",
        "spacelang predict digits-1 photos/ --top 3 -o sheet.png",
        "find photos -name '*.jpg' | spacelang predict model/ - --json",
    ),
    "attention": (
        "spacelang attention --image photo.jpg --stage 3 -o heads.png",
        "spacelang attention model/ --similarity photos/val",
    ),
    "export": ("spacelang export best -o model/", "spacelang export largest --run digits-1 -o model/"),
    "import": ("spacelang import timm:swin_s3_tiny_224 -o model/",),
    "finetune": (
        "spacelang finetune model/ --data photos -o better/",
        "spacelang finetune model/ --data /path/to/imagenet --from-scratch -o retrained/",
        "spacelang finetune model/ --data photos --teacher s3-1 -o taught/",
    ),
    "transfer": (
        "spacelang transfer detect model/ --data coco --recipe coco-3x --dry-run",
        "spacelang transfer segment model/ --data camvid --recipe camvid --budget 2m",
        "spacelang transfer vqa model/ --data easy-vqa --recipe easy-vqa",
        "spacelang transfer segment --eval --multi-scale   # the latest run",
        "spacelang transfer detect --predict photo.jpg -o out.png",
        "torchrun --nproc-per-node 8 --no-python spacelang transfer detect model/ --data coco --recipe coco-3x",
    ),
    "cache": ("spacelang cache", "spacelang cache --clear"),
}


class Front(TyperGroup):
    """The first screen: the commands in the groups of `GROUPS`, others below."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        left: dict[str, Any] = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        widest = max(map(len, left), default=0)
        for title, said in (*GROUPS.items(), ("More", dict.fromkeys(left, ""))):
            rows = [(name, said[name] or left[name].get_short_help_str(60)) for name in said if name in left]
            left = {name: command for name, command in left.items() if name not in said}
            _section(formatter, title, [(name.ljust(widest), text) for name, text in rows])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _examples(formatter, "")


ALSO = {"--flops": "--macs"}  # what people call an option


class Command(TyperCommand):
    """A command whose options stand in groups, by their `rich_help_panel`. A value for which the command has no
    word is shown with its option's own name: `--seed SEED`. An option may be called as in `ALSO`, too."""

    def __init__(self, *words: Any, **known: Any) -> None:
        super().__init__(*words, **known)
        for parameter in self.params:
            if parameter.metavar is None and not getattr(parameter, "is_flag", False):
                parameter.metavar = str(parameter.name).strip("_").upper()
            parameter.opts += [ALSO[word] for word in parameter.opts if word in ALSO]

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what bounds nothing, and what an option does not take, is wrong with its words."""
        try:
            return super().invoke(ctx)
        except NotABound as wrong:
            more = ": name a table of it with --cost" if wrong.untabled else ""
            raise typer.BadParameter(wrong.reason + more, param_hint=f"--{wrong.asked}") from None
        except NotAnOption as wrong:
            words = wrong.asked.replace("settings", "set").replace("_", "-").split(", ")
            raise typer.BadParameter(wrong.reason, param_hint=", ".join(f"--{word}" for word in words)) from None

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            argument = parameter.param_type_name == "argument"
            title = "Arguments" if argument else getattr(parameter, "rich_help_panel", None) or "Options"
            words, text = parameter.get_help_record(ctx) or ("", "")
            groups.setdefault(title, []).append((str(parameter.metavar) if argument else words, text))
        usual = ("Arguments", "Options")
        for title in sorted(groups, key=lambda title: usual.index(title) if title in usual else len(usual)):
            _section(formatter, title, groups[title])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _examples(formatter, str(self.name))


def _section(formatter: Any, title: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)


def _examples(formatter: Any, name: str) -> None:
    """The examples of a command, each on one line however narrow the terminal is: they are to be copied."""
    if name in EXAMPLES:
        formatter.write_paragraph()
        formatter.write_heading("Examples")
        for line in EXAMPLES[name]:
            formatter.write(f"  {line}\n")


def version(wanted: bool) -> None:
    """Print which versions are at work, and end."""
    if not wanted:
        return
    from spacelang_runtime.engine.record import versions

    found = versions()
    others = ", ".join(f"{name} {found[name]}" for name in found if name != "spacelang")
    print(f"spacelang {found['spacelang']} ({others})")
    raise typer.Exit
