"""`benchmarks/alone.py`: what it says of rankings is what independent references say, and no unit is done twice."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import f_oneway, kendalltau

from spacelang import notation
from spacelang.check import compile_text
from spacelang.lower.chain import Window
from spacelang.lower.cost import price
from spacelang.lower.lowered import Lowered, lower
from spacelang.recipe import Bound
from spacelang.source import read

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from lone import agreement, plan, unit  # noqa: E402
from lone.unit import Alone, Finish, Inherited, Wanted  # noqa: E402


@pytest.fixture(scope="module")
def digits() -> Lowered:
    space = compile_text(read(ROOT / "spaces" / "digits.space")).space
    assert space is not None
    return lower(space)


def scores(networks: int = 20, seeds: int = 3) -> np.ndarray:
    """Scores with ties, as shares of few test images have them."""
    generator = np.random.default_rng(1)
    own = generator.normal(0, 4, (networks, 1))
    return np.round(95 + own + generator.normal(0, 2, (networks, seeds)))


def test_tau_is_scipys_on_the_networks_and_on_every_draw_of_them() -> None:
    first, second = scores()[:, 0], scores()[:, 1]
    statistic = agreement.tau(first, second)
    generator = np.random.default_rng(2)
    for _ in range(20):
        drawn = generator.integers(0, len(first), len(first))
        often = np.bincount(drawn, minlength=len(first))[None, :].astype(float)
        expected = kendalltau(first[drawn], second[drawn]).statistic
        assert statistic(often)[0] == pytest.approx(expected, abs=1e-12)


def test_an_interval_is_that_of_networks_drawn_anew() -> None:
    first, second = scores()[:, 0], scores()[:, 1]
    estimate = agreement.estimated(len(first), agreement.tau(first, second))
    assert estimate.value == pytest.approx(kendalltau(first, second).statistic)
    generator = np.random.default_rng(3)
    draws = (generator.integers(0, len(first), len(first)) for _ in range(2000))
    values = [kendalltau(first[drawn], second[drawn]).statistic for drawn in draws]
    # Two bootstraps of 2 000 and more draws: an end is known to about 0.01.
    assert (estimate.low, estimate.high) == pytest.approx(np.percentile(values, [2.5, 97.5]), abs=0.04)


def test_the_ceiling_is_the_mean_over_pairs_of_seeds() -> None:
    seeds = scores()
    expected = np.mean([kendalltau(seeds[:, i], seeds[:, j]).statistic for i, j in ((0, 1), (0, 2), (1, 2))])
    assert agreement.estimated(len(seeds), agreement.between(seeds)).value == pytest.approx(expected)


def test_the_seeds_variance_is_taken_off_as_an_analysis_of_variance_does() -> None:
    """E of the mean square between networks is s·A + E, and F divides it by E: A = E (F - 1) / s."""
    seeds = scores()
    within = np.mean([np.var(row, ddof=1) for row in seeds])
    ratio = f_oneway(*seeds).statistic
    expected = np.sqrt(within * (ratio - 1) / seeds.shape[1])
    assert agreement.estimated(len(seeds), agreement.deviation(seeds)).value == pytest.approx(expected)
    assert agreement.of_seeds(seeds) == pytest.approx(np.sqrt(within))


def test_networks_that_differ_by_their_seeds_alone_do_not_differ() -> None:
    seeds = np.array([[94.0, 96.0], [96.0, 94.0], [93.0, 97.0]])
    assert agreement.estimated(3, agreement.deviation(seeds)).value == 0


def test_one_network_comes_from_each_part_of_the_range(digits: Lowered) -> None:
    parts = plan.strata(digits.range("flops"), 12)
    assert [parts[0].lo, parts[-1].hi] == [digits.range("flops").lo, digits.range("flops").hi]
    assert all(after.lo == before.hi + 1 for before, after in pairwise(parts))
    lines = plan.drawn(digits, 12, None, 0)
    costs = [price(notation.read(line)).flops for line in lines]
    assert all(part.lo <= cost <= part.hi for part, cost in zip(parts, costs, strict=True))
    assert lines == plan.drawn(digits, 12, None, 0) != plan.drawn(digits, 12, None, 1)


def test_parts_without_a_network_do_not_make_them_fewer(digits: Lowered) -> None:
    assert len(set(plan.drawn(digits, 300, None, 0))) == 300


def test_inside_a_bound_all_networks_are(digits: Lowered) -> None:
    lines = plan.drawn(digits, 12, Bound("flops", 150_000, 200_000), 0)
    assert len(set(lines)) == 12
    assert all(150_000 <= price(notation.read(line)).flops <= 200_000 for line in lines)


def test_a_range_narrower_than_its_parts_is_shared_out_too() -> None:
    assert sum(part.hi - part.lo + 1 for part in plan.strata(Window(5, 7), 8)) == 3


def test_a_plan_is_read_as_it_was_written(digits: Lowered, tmp_path: Path) -> None:
    space = plan.lonely(digits.space)
    assert space.train.sandwich.size == 1
    assert space.train.holdout == digits.space.train.holdout, "both learn from the same images"
    made = plan.Plan(
        space, "photos", plan.drawn(digits, 3, None, 0), "runs/digits-1", "step 9", "", {"batch": "32"}
    )
    (tmp_path / "plan.json").write_text(made.written())
    assert plan.read(tmp_path / "plan.json") == made


WANTED = Wanted(24, 100, (0, 1), 70.0, True, (Fraction(1, 10), Fraction(1, 50)), (None, Fraction(1, 1000)))


def test_one_seed_comes_before_the_next_and_what_takes_longer_last() -> None:
    listed = unit.units(WANTED)
    assert [type(one) for one in listed[:48]] == [Alone] * 24 + [Inherited] * 24
    assert {one.seed for one in listed[:24]} == {0}
    assert {one.seed for one in listed[48:72]} == {1}
    assert [one.epochs for one in listed[72:78]] == [200] * 6
    finishes = [one for one in listed if isinstance(one, Finish)]
    assert [float(one.share) for one in finishes] == [0.02] * 48 + [0.1] * 48
    assert [one.seconds for one in listed[-3:]] == [70.0] * 3
    assert {one.network for one in listed[-3:]} <= {one.network for one in listed[72:78]}
    assert len({unit.name(one) for one in listed}) == len(listed)


def test_without_a_supernet_there_is_nothing_to_inherit() -> None:
    listed = unit.units(Wanted(24, 100, (0, 1), None, True, (Fraction(1, 10),)))
    assert len(listed) == 48 + 6
    assert all(isinstance(one, Alone) for one in listed)


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    listed = unit.units(WANTED)
    unit.place(tmp_path, listed[0]).parent.mkdir()
    unit.place(tmp_path, listed[0]).write_text("{}")
    assert unit.missing(tmp_path, listed) == listed[1:]
    with unit.claimed(tmp_path, listed[0]) as mine:
        assert not mine
    assert unit.results(tmp_path) == [{}]


CLAIM = """
import sys, time
from pathlib import Path
from lone.unit import Inherited, claimed
with claimed(Path(sys.argv[1]), Inherited(3)) as mine:
    print(mine, flush=True)
    time.sleep(600)
"""


def test_a_claim_keeps_others_away_and_dies_with_its_process(tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT / "benchmarks"), *sys.path])
    command = [sys.executable, "-c", CLAIM, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
    ) as other:
        assert other.stdout is not None
        try:
            assert other.stdout.readline() == "True\n"
            with unit.claimed(tmp_path, Inherited(3)) as mine, unit.claimed(tmp_path, Inherited(4)) as another:
                assert (mine, another) == (False, True)
        finally:
            other.send_signal(signal.SIGKILL)
    with unit.claimed(tmp_path, Inherited(3)) as mine:
        assert mine


def test_what_is_bounded_in_seconds_has_its_device_for_itself(tmp_path: Path) -> None:
    assert unit.clocked(Finish(0, Fraction(1, 20)))
    assert unit.clocked(Alone(0, 0, 100, 70.0))
    assert not unit.clocked(Alone(0, 0, 100))

    def free(how: int) -> bool:
        with open(tmp_path / "claims" / "device") as lock:
            try:
                fcntl.flock(lock, how | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    with unit.sharing(tmp_path, "device", alone=False):
        assert free(fcntl.LOCK_SH)
        assert not free(fcntl.LOCK_EX)
    with unit.sharing(tmp_path, "device", alone=True):
        assert not free(fcntl.LOCK_SH)
