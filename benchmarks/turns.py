"""Two builds of the kernels beside each other on one GPU: whether this one is right, then both timed by turns.

    python benchmarks/turns.py OTHER [--seconds 220] [--out FOLDER]

OTHER: a checkout of the other build, of the time before this one, since both run this one's benchmarks. First
every kernel against its reference (`tests/runtime/kernel_checks.py`), and the gradients of random networks of
`mini` in recorded pieces against those without, to the bit. Then steps (`sandwich.trained_step`): in each round a
few of one build and as many of the other, each in a process of its own that waits meanwhile; medians between CUDA
events, and the time to enqueue a step on an idle device from one core. Between them timm's Swin (`swin.py`). Ends
by itself when the seconds are over; what was measured by then is in FOLDER (turns.json, turns.txt).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
# What is timed, after so many steps of the new build; the old one has the same kernels from the first.
WARM = {"mini at 1024, split": 250, "mini at 256": 250, "s3 at 64": 200, "mini at 1024": 60}
FIRST = 1000  # the number of the first step that is timed: both builds draw the same networks
COMPILERS = 6  # processes that compile the kernels of a space together, before anything else


class Worker:
    """A process of one build, which measures what it is told to."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", str(root)],
            env=os.environ | {"PYTHONPATH": f"{root}:{root / 'runtime'}:{os.environ.get('PYTHONPATH', '')}"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def tell(self, *words: object) -> None:
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def hear(self) -> object:
        """The answer to what it was told. Raises RuntimeError where the process has ended."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a process has ended: see its words above")
        return json.loads(line)

    def ask(self, *words: object) -> object:
        self.tell(*words)
        return self.hear()


def serve() -> None:
    """Answer questions from the input, one a line."""
    import torch

    sys.path.insert(0, str(HERE / "benchmarks"))
    import sandwich

    answers, sys.stdout = sys.stdout, sys.stderr
    steps, count = {}, {}
    for line in sys.stdin:
        what, name, *more = json.loads(line)
        if what == "build":
            answer = str(Path(sandwich.learn.__code__.co_filename).parents[3])
        elif what == "check":
            answer = check()
        elif what == "warm":
            began = time.monotonic()
            steps[name], count[name], number = sandwich.trained_step(name), FIRST, 0
            torch.cuda.reset_peak_memory_stats()
            while number < more[0] and time.monotonic() - began < more[1]:
                steps[name](number)
                number += 1
            torch.cuda.synchronize()
            answer = {"seconds": time.monotonic() - began, "steps": number, **held()}
        elif what == "time":
            answer = sandwich.times(lambda n, s=steps[name], c=count[name]: s(c + n), more[0], 2)
            count[name] += more[0] + 2
        elif what == "enqueue":
            answer = sandwich.enqueuing(steps[name], more[0], count[name])
            count[name] += more[0]
        elif what == "launches":
            answer = launches(steps[name], count[name])
            count[name] += 2
        elif what == "drop":
            free = torch.cuda.mem_get_info()[0]
            del steps[name]
            sandwich.clean()
            answer = {"GiB": (torch.cuda.mem_get_info()[0] - free) / 2**30}
        print(json.dumps(answer), file=answers, flush=True)


def held() -> dict[str, float]:
    """The memory of this process's device, and how many pieces it has recorded, where its build has them."""
    import torch

    from spacelang_runtime.fused import learn

    books = [book for book in learn._BOOKS.values() if hasattr(book, "_pieces")]
    parts = [part for book in books for part in book._pieces.values()]
    found = [sum(piece is not None for piece in part._pieces.values()) for part in parts]
    return {
        "GiB": torch.cuda.max_memory_allocated() / 2**30,
        "reserved GiB": torch.cuda.max_memory_reserved() / 2**30,
        "pieces": sum(found),
    }


def compile_kernels(which: str, number: int) -> None:
    """Compile a part of the kernels of a space; others find them on the disk."""
    sys.path.insert(0, str(HERE / "benchmarks"))
    import sandwich
    import torch

    from spacelang_runtime.fused import backend, learn
    from spacelang_runtime.tasks.supernet.precompile import _covering

    lowered = sandwich.space(which)
    model = sandwich.Supernet(lowered.space.frame, lowered.plan, sandwich.backend).to(sandwich.DEVICE)
    images, labels = sandwich.batch_of(2, lowered.space.frame.image, lowered.space.frame.classes)
    with sandwich.precision(sandwich.DEVICE):
        for architecture in list(_covering(sandwich.subnets_of(lowered)))[number::COMPILERS]:
            for keep in (None, backend.drop_path_factors(images, architecture.depth, 0.01)):
                learn.eager(model, architecture, images, labels, keep, 0.0)
    torch.cuda.synchronize()


def launches(step: object, number: int) -> dict[str, int]:
    """How many calls of a step start something on the device, by their names."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    step(number)
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        step(number + 1)
        torch.cuda.synchronize()
    starts = ("Launch", "Memcpy", "Memset")
    return {
        e.key: e.count for e in seen.key_averages() if e.key.startswith("cu") and any(s in e.key for s in starts)
    }


def check() -> dict[str, object]:
    """Losses and gradients of random networks in pieces and without, each network on fresh images."""
    import sandwich
    import torch

    from spacelang_runtime.fused import learn as learning

    lowered = sandwich.space("mini")
    torch.manual_seed(1)
    model = sandwich.Supernet(lowered.space.frame, lowered.plan, sandwich.backend).to(sandwich.DEVICE)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    optimizer = sandwich.optimizer_of(sandwich.decaying_first(model, 0.05), notes=1)
    subnets, equal, worst, used, asked = sandwich.subnets_of(lowered), 0, 0.0, 0, 0
    learning.OFTEN = 10**9  # pieces alone, and no whole networks
    # A few networks, so that their layers come again: each in the order of their coming and in another.
    drawn = subnets.draw(5, 0, 8)
    for number in range(40):
        member = drawn[number % 8 if number < 16 else (3 * number) % 8]
        images, labels = sandwich.batch_of(128, 64, 100)
        found = []
        for records in (True, False):
            optimizer.gradient.clear()
            torch.manual_seed(number)
            with sandwich.precision(sandwich.DEVICE):
                loss = sandwich.learn(model, member, images, labels, 0.05, 1.0, records=records)
            torch.cuda.synchronize()
            found.append([loss.float(), *(p.grad.clone() for p in model.parameters())])
        pairs = list(zip(*found, strict=True))
        equal += all(torch.equal(a, b) for a, b in pairs)
        worst = max(worst, *(float((a - b).norm() / b.norm().clamp_min(1e-20)) for a, b in pairs))
        for part in learning._BOOKS[model]._pieces.values():
            used, asked = len(part._pieces), len(part._seen)
    return {
        "networks": 40, "equal to the bit": equal, "worst relative difference": worst, "pieces": used,
        "variants seen": asked, "still recording": learning._BOOKS[model]._records,
    }  # fmt: skip


def timed(name: str, warm: int, workers: dict[str, Worker]) -> Iterator[tuple[str, object]]:
    """What there is to be told of a step in both builds."""
    for n, worker in workers.items():  # both at once: nothing is timed meanwhile
        worker.tell("warm", name, warm if n == "new" else 12, 25)
    yield f"{name}: warm", {n: worker.hear() for n, worker in workers.items()}
    found: dict[str, list[float]] = {n: [] for n in workers}
    queued: dict[str, list[float]] = {n: [] for n in workers}
    for _ in range(4):
        for n, worker in workers.items():
            found[n] += worker.ask("time", name, 8)
    for _ in range(2):
        for n, worker in workers.items():
            queued[n].append(worker.ask("enqueue", name, 15))
    medians = {n: statistics.median(each) for n, each in found.items()}
    longest = {n: max(each) for n, each in found.items()}
    ratio = medians["new"] / medians["other"]
    yield name, {"ms": medians, "ratio": ratio, "enqueued": queued, "worst": longest}
    if name == "mini at 1024":  # the last: a profiler may leave something behind
        yield f"{name}: launches", {n: worker.ask("launches", name) for n, worker in workers.items()}
    yield f"{name}: dropped", {n: worker.ask("drop", name) for n, worker in workers.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--seconds", type=float, default=220.0)
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", ".")))
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    figures: dict[str, object] = {}

    def note(name: str, value: object) -> None:
        figures[name] = value
        text = f"{options.seconds - (end - time.monotonic()):6.1f} s  {name}: {json.dumps(value)}"
        print(text, flush=True)
        with (options.out / "turns.txt").open("a", encoding="utf-8") as log:
            log.write(text + "\n")
        (options.out / "turns.json").write_text(json.dumps(figures, indent=1))

    roots = {"new": HERE, "other": options.other.resolve()}
    workers = {name: Worker(root) for name, root in roots.items()}
    checker = Worker(HERE)
    runtime = f"{HERE}:{HERE / 'runtime'}:{os.environ.get('PYTHONPATH', '')}"
    checks = subprocess.Popen(
        [sys.executable, str(HERE / "tests" / "runtime" / "kernel_checks.py")],
        env=os.environ | {"PYTHONPATH": runtime}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    compilers = [
        subprocess.Popen(
            [sys.executable, __file__, "--compiler", which, str(number)],
            env=os.environ | {"PYTHONPATH": runtime},
        )
        for which in ("mini", "s3")
        for number in range(COMPILERS)
    ]
    swin = [sys.executable, str(HERE / "benchmarks" / "swin.py"), "--rounds", "3"]

    def stop() -> None:
        for process in (checks, checker.process, *compilers, *(worker.process for worker in workers.values())):
            process.kill()
        print("stopped: the seconds are over", flush=True)
        os._exit(0)

    timer = threading.Timer(options.seconds, stop)
    timer.daemon = True
    timer.start()

    for compiler in compilers:
        compiler.wait()
    note("compiled", [compiler.returncode for compiler in compilers])
    for name, worker in workers.items():
        note(f"{name}: build", worker.ask("build", ""))
    try:
        note("pieces", checker.ask("check", ""))
    except (RuntimeError, OSError) as error:
        note("pieces", str(error))
    checker.process.kill()
    for name, warm in WARM.items():
        try:
            for what, value in timed(name, warm, workers):
                note(what, value)
                if "kernels" not in figures:  # after the first warm-up and before anything is timed
                    text, _ = checks.communicate()
                    note("kernels", text.splitlines())
        except (RuntimeError, OSError) as error:
            note(name, str(error))
            for n, root in roots.items():  # one has ended, and the other may have an answer left
                workers[n].process.kill()
                workers[n] = Worker(root)
        if name == "mini at 256":
            done = subprocess.run(
                swin, env=os.environ | {"PYTHONPATH": runtime}, capture_output=True, text=True, check=False
            )
            note("swin", (done.stdout + done.stderr[-2000:]).splitlines())
    timer.cancel()
    for worker in workers.values():
        worker.process.kill()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        serve()
    elif sys.argv[1:2] == ["--compiler"]:
        compile_kernels(sys.argv[2], int(sys.argv[3]))
    else:
        main()
