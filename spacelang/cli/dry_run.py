"""What `train` and `finetune` would do: what they print with `--dry-run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacelang.amount import clock, counted, short, short_clock, spaced

if TYPE_CHECKING:
    from spacelang_runtime.app.dry_run import DryRun

NAMED = 12  # classes


def show(made: DryRun, what: str) -> None:
    """Print what a training would be. what: is trained, in words."""
    from spacelang_runtime.engine.schedule import expected_updates, schedule

    dataset, recipe, limits = made.dataset, made.space.train, made.limits
    classes = ", ".join(dataset.classes[:NAMED]) + (", …" if len(dataset.classes) > NAMED else "")
    held = f", {len(dataset.search)} held out" if len(dataset.search) else ""
    print(f"model     {what}; {short(made.params)} params learn")
    print(f"data      {dataset.name}: {counted(len(dataset.classes), 'class')}: {classes}")
    print(f"          {counted(dataset.train_size, 'image')} to train on{held}, {len(dataset.test)} to test on")
    for line in made.messages:
        print(f"          {line}")
    per_epoch = dataset.steps_per_epoch(recipe.batch)
    print(
        f"schedule  {counted(limits.steps, 'step', spaced)} of {recipe.batch} ({spaced(per_epoch)} an epoch: "
        f"{counted(limits.steps / per_epoch, 'epoch', '{:.3g}'.format)})"
        + (f", at most {clock(limits.budget)}" if limits.budget else "")
    )
    rate, updates = schedule(recipe, per_epoch), expected_updates(limits, 1, made.step_time)
    about, last = "about " if updates < limits.steps else "", max(1, round(updates))
    for share in sorted({0.0, rate.warmup, 0.5, 1.0}):
        step = max(1, round(share * last))
        print(f"          {about}step {spaced(step)}: learning rate {rate.rate(step / last, updates):.2e}")
    many = f" ×{made.processes}" if made.processes > 1 else ""
    step_time = f"{short_clock(made.step_time)} a step on {made.device}{many}"
    print(f"time      about {clock(made.seconds)}: {step_time}, by some that were made")
    where = "the GPU" if made.device.startswith("cuda") else "the process"
    print(
        f"memory    {made.states / 2**30:.2f} GiB for weights, gradients and moments; "
        f"{where} took {made.memory / 2**30:.1f} GiB at most"
    )
