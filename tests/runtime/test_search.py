"""A search ends with the same answer however it was scored: raced or in full, in pieces, by one or by many."""

import json
import threading
import time
from fractions import Fraction
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch.distributed as dist
from searching import CPU, IMAGES, RECIPE, Pretender, answers, digits, keeping, new_run, searched, timeless

from spacelang.architecture import Architecture
from spacelang_runtime.engine.provenance import provenance
from spacelang_runtime.engine.record import Limits, State
from spacelang_runtime.engine.run import write_state
from spacelang_runtime.engine.wilson import wilson
from spacelang_runtime.failure import Failure
from spacelang_runtime.search import pool as pools
from spacelang_runtime.search.algorithms import ALGORITHMS
from spacelang_runtime.search.answers import Answers
from spacelang_runtime.search.candidate import Goals, Result
from spacelang_runtime.search.evolution import Evolution
from spacelang_runtime.search.evolve import Ended, Method, ScoredCandidate
from spacelang_runtime.search.journal_file import look, open_journal
from spacelang_runtime.search.pool import ScoringPool, follow
from spacelang_runtime.search.scoring import Fidelity, Verdict
from spacelang_runtime.search.target import resolve

READ = 1600  # four fifths of the images
EXACT = Method("paper", exact=True)
RACED = Method("paper", risk=1e-3)
METHODS = [
    Method(),
    RACED,
    EXACT,
    Method("paper"),
    Method("random", score="accuracy"),
    Method("nsga2", ("accuracy", "flops", "params")),
]


def parents(folder: Path) -> list[tuple[str, ...]]:
    """The parents' sets of the last search, generation by generation."""
    with open_journal(folder) as journal:
        search = journal.last()
        assert search is not None
        return [generation.parents for generation in journal.generations(search)]


@pytest.mark.parametrize("score", ["loss", "accuracy"])
def test_races_spare_images_and_keep_the_parents(tmp_path: Path, score) -> None:
    exact, raced = new_run(tmp_path / "exact"), new_run(tmp_path / "raced")
    full = searched(exact, Pretender(), attrs.evolve(EXACT, score=score))
    part = searched(raced, Pretender(), attrs.evolve(RACED, score=score))
    assert part.best.digest == full.best.digest
    assert parents(raced.folder) == parents(exact.folder)
    assert full.saved == 0
    assert part.saved > 0.1 * part.spent
    assert part.spent + part.saved == full.spent


def test_a_generous_race_saves_more(tmp_path: Path) -> None:
    saved = [
        searched(new_run(tmp_path / str(r)), Pretender(), attrs.evolve(RACED, risk=r)).saved
        for r in (1e-6, 1e-3, 0.5)
    ]
    assert saved == sorted(saved)
    assert saved[0] < saved[2]


def test_what_is_left_in_a_race_really_falls_short(tmp_path: Path) -> None:
    run, seen = new_run(tmp_path), []
    searched(run, Pretender(), RACED, observe=seen.append)
    left = [s.candidate.architecture for s in seen if isinstance(s, ScoredCandidate) and s.left]
    ends = [s for s in seen if isinstance(s, Ended)]
    loss = lambda architecture: answers(architecture).first(READ).loss  # noqa: E731
    weakest = max(loss(candidate.architecture) for candidate, _ in ends[-1].leaders)
    assert left
    assert all(loss(architecture) > weakest for architecture in left)


def test_halving_looks_at_few_images_and_ends_with_a_good_network(tmp_path: Path) -> None:
    seen: list[ScoredCandidate] = []
    judge = Pretender()
    found = searched(
        new_run(tmp_path), judge, observe=lambda s: seen.append(s) if isinstance(s, ScoredCandidate) else None
    )
    losses = sorted(answers(s.candidate.architecture).first(READ).loss for s in seen)
    assert found.spent < 0.35 * (found.spent + found.saved)
    assert found.loss <= losses[len(losses) // 20]


def test_who_chooses_never_sees_the_images_of_the_estimate(tmp_path: Path) -> None:
    judge = Pretender()
    found = searched(new_run(tmp_path), judge)
    looked: dict[str, int] = {}
    for digest, images in judge.looked:
        looked[digest] = looked.get(digest, 0) + images
    assert looked.pop(found.best.digest) == IMAGES
    assert max(looked.values()) == READ
    assert found.estimate.images == IMAGES - READ
    assert found.estimate.correct == answers(found.best.architecture).right[READ:].sum()
    low, high = found.estimate.accuracy
    assert low < found.estimate.correct / found.estimate.images < high


def test_a_search_that_reads_all_images_has_none_for_an_estimate(tmp_path: Path) -> None:
    found = searched(new_run(tmp_path), Pretender(), Method(part=Fraction(1)))
    assert found.estimate is None
    assert found.images == IMAGES


def test_the_best_is_the_finalist_of_the_lowest_loss_and_the_cheapest_is_level_with_it(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    found = searched(run, Pretender(), Method("paper", exact=True, finalists=6))
    losses = [one.loss for one in found.finalists]
    assert len(losses) == 6
    assert losses == sorted(losses)
    assert found.finalists[0].candidate == found.best
    for one in found.finalists[1:]:
        apart = np.subtract(
            *(answers(a).first(READ).errors("loss") for a in (one.candidate.architecture, found.best.architecture))
        )
        half = 1.959964 * apart.std(ddof=1) / READ**0.5
        assert one.apart == pytest.approx((apart.mean() - half, apart.mean() + half), rel=1e-4)
        assert one.level == (one.apart[0] <= 0)
    assert found.cheapest.flops == min(found.best.flops, *(one.candidate.flops for one in found.level), 10**9)
    assert resolve("best", run, digits()) == found.best.architecture
    assert resolve("cheapest", run, digits()) == found.cheapest.architecture


def test_what_is_outside_its_bounds_when_it_runs_whole_is_no_finalist(tmp_path: Path) -> None:
    method = Method("paper", exact=True, finalists=6)
    free = searched(new_run(tmp_path / "free"), Pretender(), method)
    assert free.cheapest != free.best  # else the last lines could not fail
    refused = {free.best.digest, free.cheapest.digest}
    run = new_run(tmp_path / "bound")
    bound = searched(run, Pretender(), method, feasible=keeping(lambda one: one.digest not in refused))
    assert bound.best == next(one.candidate for one in free.finalists if one.candidate.digest not in refused)
    assert bound.finalists[0].candidate == bound.best
    assert bound.finalists[0].apart is None
    for one in bound.finalists[1:]:
        low, high = one.apart
        assert low <= one.loss - bound.loss <= high
    assert bound.cheapest.digest not in refused
    with look(run.folder) as journal:
        (told,) = journal.best()
        assert told.entry.architecture == bound.best.digest
    assert resolve("best", run, digits()) == bound.best.architecture


def test_another_answer_of_the_same_search_takes_the_place_of_the_first(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    first = searched(run, Pretender())
    again = searched(run, Pretender(), feasible=keeping(lambda one: one != first.best.architecture))
    with look(run.folder) as journal:
        search = journal.last()
        assert search is not None
        finalists = [one.architecture for one in journal.finalists(search)]
    assert finalists == [one.candidate.digest for one in again.finalists]
    assert first.best.digest not in finalists


def test_a_finalist_that_was_left_is_looked_at_in_full_where_it_is_the_answer(tmp_path: Path) -> None:
    method = Method(part=Fraction(1))
    free = searched(new_run(tmp_path / "free"), Pretender(), method)
    left = [one.candidate.architecture for one in free.finalists if one.images < IMAGES]
    assert left
    feasible = keeping(lambda one: one == left[-1])
    bound = searched(new_run(tmp_path / "bound"), Pretender(), method, feasible=feasible)
    whole = answers(left[-1])
    assert (bound.best.architecture, bound.correct, bound.images) == (left[-1], whole.correct, IMAGES)
    assert bound.loss == whole.loss


def test_an_accuracy_is_of_the_weights_that_were_searched_and_of_no_later_ones(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    found = searched(run, Pretender())  # at step 1
    said = []
    for step in (1, 2):
        write_state(run, State(step, Limits(step), 0.0, {}, 0, True))
        said.append(provenance(run, found.best.architecture))
    right, rest = int(answers(found.best.architecture).right[READ:].sum()), IMAGES - READ
    low, high = wilson(right, rest)
    assert said[0]["held_out_accuracy"] == right / rest
    of = f"of {rest} held-out images that chose nothing, with inherited weights"
    assert said[0]["accuracy"] == f"{right / rest:.2%} [{low:.2%}, {high:.2%}] {of}"
    assert (said[1]["held_out_accuracy"], said[1]["accuracy"]) == (None, None)
    assert said[1]["constraint"] == said[0]["constraint"]


def test_an_accuracy_on_the_images_that_chose_the_network_is_told_as_one(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    found = searched(run, Pretender(), Method(part=Fraction(1)))  # leaves no image for an estimate
    said = provenance(run, found.best.architecture)
    assert said["held_out_accuracy"] == found.accuracy
    of = f"of {IMAGES} held-out images, the ones that chose it, with inherited weights"
    assert said["accuracy"] == f"{found.accuracy:.2%} {of}"


@pytest.mark.parametrize("wrong", [3, {"images": 0}, {"correct": "many"}, {"accuracy": [0.5]}, {"accuracy": None}])
def test_an_estimate_that_is_damaged_is_named(wrong: object, tmp_path: Path) -> None:
    run = new_run(tmp_path)
    searched(run, Pretender())
    path = run.folder / "best.json"
    best = json.loads(path.read_text())
    changed = {**best["estimate"], **wrong} if isinstance(wrong, dict) else wrong
    path.write_text(json.dumps(best | {"estimate": changed}))
    with pytest.raises(Failure, match=r"best\.json is damaged: 'estimate' is "):
        _ = run.best


def test_a_bound_that_is_no_whole_number_is_told_as_the_language_writes_it(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    found = searched(run, Pretender())
    path = run.folder / "best.json"
    kept = json.loads(path.read_text()) | {"bounds": [{"measure": "flops", "low": None, "high": "7000001/2"}]}
    path.write_text(json.dumps(kept))
    assert provenance(run, found.best.architecture)["constraint"] == "flops <= 3.50M"


def test_where_no_network_keeps_the_bounds_there_is_no_answer(tmp_path: Path) -> None:
    """By their MACs all are far outside, so no network after the finalists is likely to be within."""
    with pytest.raises(Failure, match="none of the 8 networks that ran whole keeps") as raised:
        searched(new_run(tmp_path), Pretender(), feasible=keeping(lambda _: False, beyond=1000))
    assert "spacelang measure" in raised.value.remedy


def test_after_the_finalists_those_are_run_that_are_likely_to_keep_the_bounds(tmp_path: Path) -> None:
    """Those that ran were 1.1 times what is allowed, so the next has at most a 1.1th of what they cost."""
    method = Method("paper", exact=True, finalists=3)
    free = searched(new_run(tmp_path / "free"), Pretender(), method)
    ran: list[Architecture] = []

    def keeps(one: Architecture) -> bool:
        ran.append(one)
        return len(ran) > 5

    bound = searched(new_run(tmp_path / "bound"), Pretender(), method, feasible=keeping(keeps))
    assert len(ran) == len(set(ran)) == 6
    costs = sorted(one.candidate.flops for one in free.finalists)
    assert bound.best.flops <= costs[1] / 1.1
    assert bound.best.architecture == ran[-1]
    assert bound.whole is not None
    assert bound.whole.kept
    assert bound.best not in [one.candidate for one in free.finalists]
    assert bound.correct == answers(bound.best.architecture).first(READ).correct
    assert free.whole is None


def test_scores_without_losses_are_kept_and_can_be_gone_on_with_by_accuracy(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    whole = searched(run, Pretender(), Method("paper", score="accuracy"))
    with open_journal(run.folder) as journal, journal.database as database:
        database.execute("UPDATE score SET losses = NULL, loss = NULL")
    with pytest.raises(Failure, match="before losses were kept") as raised:
        searched(run, Pretender())
    assert "--score accuracy" in raised.value.remedy
    again = Pretender()
    assert searched(run, again, Method("paper", score="accuracy")).best == whole.best
    assert again.looked == []


def test_the_predictor_is_dropped_where_it_knows_nothing(tmp_path: Path) -> None:
    """Answers that are all luck."""

    def judge(subnets, fidelity):
        for subnet in subnets:
            luck = np.random.default_rng(int(subnet.digest[:8], 16)).random(IMAGES)[: fidelity.images]
            yield Verdict(subnet.digest, Answers(luck < 0.5, luck.astype(np.float16)), fidelity.images)

    found = searched(new_run(tmp_path), judge)
    assert found.doubts > 0
    tau, rival = found.doubt
    assert tau <= rival


class Stop(Exception):
    pass


@pytest.mark.parametrize("method", METHODS, ids=lambda m: f"{m.algorithm}-{m.spending}-{m.score}")
def test_a_search_in_pieces_is_the_search(tmp_path: Path, method: Method) -> None:
    whole = Pretender()
    expected = searched(new_run(tmp_path / "whole"), whole, method)
    run, looked = new_run(tmp_path / "pieces"), []
    while True:
        judge = Pretender()

        def until(subnet, judge=judge):
            if len(judge.looked) == 7:
                raise Stop

        judge.before = until
        try:
            found = searched(run, judge, method)
            looked += judge.looked
            break
        except Stop:
            looked += judge.looked
    assert timeless(found) == timeless(expected)
    assert sorted(looked) == sorted(whole.looked), "the same images of the same networks, each once"
    assert parents(run.folder) == parents(tmp_path / "whole" / run.name)


def test_a_later_search_looks_at_no_image_again(tmp_path: Path) -> None:
    run, first, second = new_run(tmp_path), Pretender(), Pretender()
    searched(run, first, attrs.evolve(RACED, risk=0.01))
    found = searched(run, second, EXACT)
    assert timeless(found) == timeless(searched(new_run(tmp_path / "fresh"), Pretender(), EXACT))
    looked: dict[str, int] = {}
    for digest, images in (*first.looked, *second.looked):
        looked[digest] = looked.get(digest, 0) + images
    assert max(looked.values()) <= IMAGES
    assert searched(run, third := Pretender(), EXACT).scored == 0
    assert third.looked == []


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_stays_inside_and_pays_for_what_it_may(tmp_path: Path, algorithm) -> None:
    goals = ("accuracy", "flops") if algorithm == "nsga2" else ("accuracy",)
    judge, recipe = Pretender(), attrs.evolve(RECIPE, generations=50)
    seen: list[ScoredCandidate] = []
    found = searched(
        new_run(tmp_path),
        judge,
        Method(algorithm, goals, budget=40),
        recipe,
        observe=lambda s: seen.append(s) if isinstance(s, ScoredCandidate) else None,
    )
    assert len({digest for digest, _ in judge.looked}) == found.scored == found.networks == 40
    assert all(s.candidate.flops <= 100_000 for s in seen)
    assert seen[0].asked == 40  # what is left is told by the budget, not by the recipe that it cuts short
    assert all(s.done <= s.asked for s in seen)
    assert seen[-1].done == seen[-1].asked
    if len(goals) > 1:
        assert found.correct == max(answers(s.candidate.architecture).first(READ).correct for s in seen)
    else:
        assert found.loss == min(one.loss for one in found.finalists)


def test_aging_evolution_forgets_its_oldest(tmp_path: Path) -> None:
    """With one child at a time: each is the mutation of one of the last `population` networks, even where a better
    one is older."""
    recipe = attrs.evolve(RECIPE, population=5, parents=2, crossover=0, mutation=1, generations=30)
    evolution = Evolution(digits(), recipe, "regularized")
    history = []
    while not evolution.finished:
        candidates = evolution.ask()
        if evolution.generation:
            (child,) = candidates
            assert child.operator == "mutation"
            assert set(child.parents) <= set(history[-5:])
        evolution.tell(candidates, {c.digest: Result(evolution.generation) for c in candidates})
        history += [c.digest for c in candidates]


def test_the_hypervolume_never_falls_and_the_front_is_undominated(tmp_path: Path) -> None:
    ends: list[Ended] = []
    method = Method("nsga2", ("accuracy", "flops", "params"))
    found = searched(
        new_run(tmp_path), Pretender(), method, observe=lambda s: ends.append(s) if isinstance(s, Ended) else None
    )
    volumes = [end.generation.volume for end in ends]
    assert volumes == sorted(volumes)
    assert volumes[-1] == found.volume
    points = [Goals(method.goals).point(c, Result(0, READ, correct)) for c, correct in found.front]
    assert points == sorted(points, reverse=True)
    assert found.front[-1][0].digest == found.best.digest


@pytest.fixture
def store() -> dist.TCPStore:
    """Where the processes of a pool meet. It goes with the test, not before."""
    return dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


def pool_of(size: int, store: dist.TCPStore) -> list[ScoringPool]:
    """So many processes of a pool, all of them this one, each with a connection of its own."""
    return [ScoringPool(rank, size, CPU, dist.PrefixStore("search", store.clone())) for rank in range(size)]


def beating(pool: ScoringPool) -> threading.Event:
    parted = threading.Event()
    store = dist.PrefixStore("search", pool.store.underlying_store.clone())
    threading.Thread(target=pools.beat, args=(store, pool.rank, parted), daemon=True).start()
    return parted


@pytest.mark.parametrize("method", [Method(), RACED, EXACT], ids=lambda m: m.spending)
def test_three_processes_find_what_one_does(tmp_path: Path, store, method: Method) -> None:
    alone = searched(new_run(tmp_path / "alone"), single := Pretender(), method)
    leader, *others = pool_of(3, store)
    helpers = [Pretender(before=lambda subnet: time.sleep(0.002)) for _ in others]
    threads = [
        threading.Thread(target=follow, args=(pool, helper, IMAGES))
        for pool, helper in zip(others, helpers, strict=True)
    ]
    for thread in threads:
        thread.start()
    own = Pretender(before=lambda subnet: time.sleep(0.002))
    together = searched(new_run(tmp_path / "together"), own, method, pool=leader)
    leader.store.set("end", "")
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert timeless(together) == timeless(alone)
    judged = [name for judge in (own, *helpers) for name, _ in judge.looked]
    assert sorted(judged) == sorted(name for name, _ in single.looked), "nothing was done twice"
    assert all(judge.looked for judge in (own, *helpers)), "everybody had work"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_process_that_dies_costs_its_candidate_in_flight(tmp_path: Path, store, monkeypatch) -> None:
    monkeypatch.setattr(pools, "PATIENCE", 1.0)
    monkeypatch.setattr(pools, "BEAT", 0.1)
    alone = searched(new_run(tmp_path / "alone"), Pretender())
    leader, mortal = pool_of(2, store)
    pulse = beating(mortal)
    dying: list[str] = []

    def die(subnet):
        if len(helper.looked) == 3:
            dying.append(subnet.digest)
            pulse.set()
            raise SystemExit

    helper = Pretender(before=die)
    thread = threading.Thread(target=follow, args=(mortal, helper, IMAGES))
    thread.start()
    own = Pretender(before=lambda subnet: time.sleep(0.005))
    together = searched(new_run(tmp_path / "together"), own, pool=leader)
    thread.join(30)
    assert timeless(together) == timeless(alone)
    assert dying
    assert dying[0] in {name for name, _ in own.looked}


def test_a_process_with_other_images_is_refused(store) -> None:
    leader, other = pool_of(2, store)
    leader.store.set("1/subnets", pools.round_text([], Fidelity(5), IMAGES))
    with pytest.raises(Failure, match="has 5 images"):
        follow(other, Pretender(), 5)
