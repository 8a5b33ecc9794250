"""What a supernet's networks reach when each is trained alone, and how well anything cheaper ranks them.

    python benchmarks/alone.py OUT --space spaces/digits.space --epochs 100 --jobs 2   # a space and its recipe
    python benchmarks/alone.py OUT --run runs/mini-1 --epochs 45 --longer --finish 2%,5%,10%   # beside a supernet
    python benchmarks/alone.py OUT --gpus 0,1 --jobs 2   # goes on, on two GPUs
    python benchmarks/alone.py OUT ANOTHER --report      # the tables of both, and one that compares them

Networks are drawn over the whole range of MACs, one of each of N equal parts, or inside --flops. Each is trained
from random weights by the trainer of `spacelang train`, as the only network of its sandwich, on the images that its
supernet learns from (what the recipe holds out stays out), with all else as the recipe says. With --run each is
scored with the weights that it inherits, and after a finish from there, in a share of the supernet's seconds.

A unit of work is one network with one seed, or one finish. Its result is a small file under OUT/units; weights are
not kept (--keep keeps the runs). Stopped, the same command goes on with what is missing; several commands at once,
on other GPUs, share what is left. Networks and recipe are kept in OUT/plan.json, and need not be said again; seeds,
--longer and --finish say what is to be done this time. Units that are bounded in seconds wait until they have their
device for themselves. Trainings of one seed see the same batches, whatever the network.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import attrs
from lone.parent import Failure, elapsed, learned, weights
from lone.plan import Plan, drawn, lonely, read
from lone.table import report
from lone.unit import Wanted, missing, units

from spacelang.amount import NotAnAmount, clock, window
from spacelang.check import compile_text, override
from spacelang.expression import Number, exact
from spacelang.lower.lowered import lower
from spacelang.recipe import Bound
from spacelang.source import read as read_source
from spacelang.space import Space

PLAN = "plan.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="+", help="the folder of the results; with --report several")
    parser.add_argument("--space", type=Path, help="a .space file, with the recipe to train by")
    parser.add_argument("--run", type=Path, help="a trained run of a space: its recipe, its data, its weights")
    parser.add_argument("--data", help="as spacelang train takes it (default: the run's, or digits)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change the recipe alone")
    parser.add_argument("--epochs", type=int, help="of a network alone (default: the recipe's)")
    parser.add_argument("--networks", type=int, default=24)
    parser.add_argument("--draw", type=int, default=0, help="the seed by which the networks are drawn")
    parser.add_argument("--flops", default="", help="draw inside a bound on MACs, such as 150K..400K")
    parser.add_argument("--lines", type=Path, help="a file with the lines of networks, instead of a draw")
    parser.add_argument(
        "--seeds", type=seeds, default=(0, 1), help="of the trainings alone, such as 0,1 (the default)"
    )
    parser.add_argument(
        "--longer", action="store_true", help="six for twice the epochs, three for the run's seconds"
    )
    parser.add_argument("--finish", type=shares, default=(), help="of the run's seconds, such as 2%%,5%%,10%%")
    parser.add_argument(
        "--finish-rate", type=rates, default=(), help="learning rates of the finish (default: finetune's)"
    )
    parser.add_argument("--finish-networks", type=int, help="finish so many only, to tune the rate")
    parser.add_argument("--jobs", type=int, default=1, help="units at a time, on each GPU")
    parser.add_argument("--gpus", default="", help="such as 0,1 (default: one, where there is one)")
    parser.add_argument("--device", default="auto", help="auto or cpu")
    parser.add_argument("--workers", type=int, help="processes that read images, for each job")
    parser.add_argument("--keep", action="store_true", help="keep the runs, under OUT/runs")
    parser.add_argument("--report", action="store_true", help="only print what has been found")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    words = parser.parse_args()
    try:
        if not words.report:
            sys.exit(work(words) if words.worker is not None else conduct(words))
        for line in report([(out, read(out / PLAN)) for out in words.out]):
            print(line)
    except Failure as failure:
        stop(f"{failure.message}; {failure.remedy}")
    except (OSError, ValueError) as reason:
        stop(str(reason))


def stop(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def conduct(words: argparse.Namespace) -> int:
    """Start the jobs, wait for them, and print what there is then."""
    out = words.out[0]
    plan = planned(words)
    listed = units(wanted(plan, words))
    left = missing(out, listed)
    print(f"{out}: {len(plan.lines)} networks, {len(listed) - len(left)} of {len(listed)} units done", flush=True)
    gpus = parts(words.gpus) or [""]
    jobs = [gpu for _ in range(words.jobs) for gpu in gpus][: len(left)]
    began = time.monotonic()
    running = [subprocess.Popen([*command(), "--worker", gpu], env=environment(gpu, len(jobs))) for gpu in jobs]
    signal.signal(signal.SIGTERM, lambda *_: [job.terminate() for job in running])
    try:
        codes = [job.wait() for job in running]
    except KeyboardInterrupt:  # they have been told too, and end where nothing is half done
        codes = [job.wait() for job in running]
    still = missing(out, listed)
    if jobs:
        done = len(left) - len(still)
        print(f"{done} units in {clock(time.monotonic() - began)}, by {len(jobs)} jobs", flush=True)
    for line in report([(out, plan)]):
        print(line)
    if still:
        print(f"{len(still)} units are missing: give the same command again", file=sys.stderr)
    return 130 if 130 in codes else 1 if still or any(codes) else 0


def command() -> list[str]:
    return [sys.executable, *sys.argv]


def environment(gpu: str, jobs: int) -> dict[str, str]:
    """What a job is started with: the GPU that it sees, and its share of the processor cores."""
    given = dict(os.environ)
    given.setdefault("OMP_NUM_THREADS", str(max(1, cores() // jobs)))
    if gpu:
        visible = given.get("CUDA_VISIBLE_DEVICES", "")
        given["CUDA_VISIBLE_DEVICES"] = visible.split(",")[int(gpu)] if visible else gpu
    return given


def cores() -> int:
    return len(os.sched_getaffinity(0))


def planned(words: argparse.Namespace) -> Plan:
    """The plan of the folder; made where there is none yet. Raises ValueError where other words are given."""
    path = words.out[0] / PLAN
    if not words.space and not words.run:
        if not path.exists():
            stop(f"{path} is not there yet: name a --space or a --run")
        if words.set or words.epochs or words.flops or words.data:
            stop("--set, --epochs, --flops and --data make a plan: give the --space or the --run as well")
        return read(path)
    plan = made(words)
    if path.exists() and not same(read(path), plan):
        stop(f"{path} is of other networks, weights or recipe: name another folder, or no --space and --run")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(plan.written())
    part.replace(path)
    return plan


def same(one: Plan, other: Plan) -> bool:
    """Whether the results of both are of one table, wherever data and run lie now."""
    return attrs.evolve(one, data="", run="").written() == attrs.evolve(other, data="", run="").written()


def made(words: argparse.Namespace) -> Plan:
    space, data = given(words)
    changes = override.settings(words.set)
    recipe = override.train_with(space.train, changes)
    if words.epochs:
        recipe = attrs.evolve(recipe, epochs=words.epochs)
    space = lonely(attrs.evolve(space, train=recipe))
    try:
        bound = Bound("flops", *ends(words.flops)) if words.flops else None
    except NotAnAmount as reason:
        stop(f"--flops: {reason}")
    if words.lines:
        lines = tuple(dict.fromkeys(words.lines.read_text().split()))
    else:
        lines = drawn(lower(space), words.networks, bound, words.draw)
    if not lines:
        stop(f"no network of {space.name} has {words.flops} MACs")
    run = str(words.run.resolve()) if words.run else ""
    return Plan(space, data, lines, run, weights(run) if run else "", words.flops, changes)


def ends(text: str) -> tuple[int | None, int | None]:
    low, high = window(text)
    return (None if low is None else int(low), None if high is None else int(high))


def given(words: argparse.Namespace) -> tuple[Space, str]:
    """The space with its recipe, and the data."""
    if words.run:
        space, data = learned(str(words.run))
    else:
        space = compile_text(read_source(words.space)).space
        data = "digits"
        if space is None:
            stop(f"{words.space} does not compile: see spacelang check {words.space}")
    data = words.data or data
    return space, data if data == "digits" else str(Path(data).resolve())


def wanted(plan: Plan, words: argparse.Namespace) -> Wanted:
    seconds = elapsed(plan.run) if plan.run else None
    if words.finish and seconds is None:
        stop("a finish goes on from a supernet's weights: name its --run")
    return Wanted(
        len(plan.lines),
        plan.space.train.epochs,
        words.seeds,
        seconds,
        words.longer,
        words.finish,
        words.finish_rate or (None,),
        words.finish_networks,
    )


def seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in parts(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} are no seeds such as 0,1") from None


def shares(text: str) -> tuple[Number, ...]:
    try:
        if all(part.endswith("%") for part in parts(text)):
            return tuple(exact(Fraction(part.rstrip("%")) / 100) for part in parts(text))
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} are no shares such as 2%,5%,10%")


def rates(text: str) -> tuple[Number, ...]:
    try:
        return tuple(exact(Fraction(part)) for part in parts(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} are no learning rates such as 0.0005,0.001") from None


def parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def work(words: argparse.Namespace) -> int:
    """What one of the jobs does."""
    from lone.worker import work as do  # torch comes with it

    plan = read(words.out[0] / PLAN)
    jobs = words.jobs * max(1, len(parts(words.gpus)))
    readers = words.workers if words.workers is not None else min(16, max(1, cores() // jobs - 1))
    listed = units(wanted(plan, words))
    return do(words.out[0], plan, listed, words.device, words.worker, readers, words.keep)


if __name__ == "__main__":
    main()
