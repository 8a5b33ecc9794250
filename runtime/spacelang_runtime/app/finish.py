"""Networks of a run trained on alone, from the weights that they inherit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spacelang_runtime.app.learn import Begun, TrainingOptions, TrainingSummary, learn
from spacelang_runtime.app.watching import Say, Watching, silent, watched_by
from spacelang_runtime.app.workers import readers

if TYPE_CHECKING:
    from spacelang_runtime.engine.finished import FinishResult
    from spacelang_runtime.engine.step import Step
    from spacelang_runtime.tasks.finish import FinishRequest


def finish(
    requests: Sequence[FinishRequest],
    options: TrainingOptions = TrainingOptions(),
    watching: Watching[Begun, Step | TrainingSummary] = watched_by(silent),
    say: Say = silent,
) -> tuple[FinishResult, ...]:
    """Finish networks of one run, one after the other; what has been finished so is not trained again. Empty in a
    process that only helps.

    Raises `Failure` where one cannot be, and at once where another process writes the run; and `Stopped` where one
    was stopped: it goes on when it is asked for again.
    """
    from spacelang.lower.lowered import lower
    from spacelang.lower.untrained import largest_untrained
    from spacelang_runtime.engine.distributed import join
    from spacelang_runtime.engine.finished import ended, result_of
    from spacelang_runtime.engine.lock import sole_writer
    from spacelang_runtime.engine.supernet import trained, unfinished
    from spacelang_runtime.tasks.finish import begun, kept, write_model

    if not requests:
        return ()
    run, results = requests[0].run, []
    if said := unfinished(run):
        say(said)
    taught = any(request.taught for request in requests)
    if taught and (said := largest_untrained(run.space.train, lower(run.space).chain)):
        say(f"warning: {said}; it is no good teacher: leave --taught out")
    with sole_writer(run.folder), join(options.device) as world:
        tell = say if world.is_main else silent
        supernet = trained(run, lower(run.space), world.device)
        for request in requests:
            done = kept(request)
            if done is not None and ended(done):
                tell(f"{request.architecture.name} has been finished so: {done.model}")
            else:
                setup = begun(request, supernet, world, readers(options.workers), tell)
                state = setup.run.state
                if state is None or not state.finished:
                    learn(setup, world, options, watching)
                if not world.is_main:
                    continue
                write_model(setup, request, supernet, world)
                done = setup.run
            if world.is_main:
                results.append(result_of(done))
    return tuple(results)
