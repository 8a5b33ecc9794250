"""A network that is timed by turns with others whose times are known, as if the machine were what it was then.

A machine that others share, or whose clocks are not settled, is slower at one time than at another by more than a
network is below its bound. So a network runs in the same rounds as reference networks, which a table has the times
of, and what these take longer by than they did is taken off, round by round:

    drift of a round = median over the references' passes of (now / then)
    time of a load   = median over the rounds of (time / drift of the round)
    time             = median over the loads

A load is a session of its own of the same file. Where one lies in memory makes it faster or slower for as long as
it lives (in OpenVINO by up to a fifth), and the next load is another one.

**The margin.** What is wanted is that a later timing, made in the same way with other loads, holds the bound. Two
things make it come out otherwise, as shares of the time: the loads of the network, whose logarithms have the
standard deviation s over L loads (what rounds differ by is part of it); and that references do not all drift alike:
the logarithms of their own times over then, by the same drift, have the standard deviation u over n references. The
standard error of the median of k normal values is at most sqrt(π / 2k) of their standard deviation (it tends to
that from below), so of the time it is

    e² = π/2 · (s² / L + u² / n).

Two independent timings differ by sqrt(2) · e. The one-sided 95 % quantile of that is t · sqrt(2) · e, with
Student's t of the degrees of freedom by Welch and Satterthwaite: e⁴ / (Σ eᵢ⁴ / (kᵢ − 1)). So where a network takes
exactly its bound with its margin, a later timing holds the bound in 19 of 20 cases; where it takes less, in more.
That is of one network: where many that break their bound are tried, the one that passes is the luckiest of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, pi, sqrt
from statistics import NormalDist, median, stdev

from attrs import frozen

SURE = 0.95  # one-sided: 19 of 20

Rounds = Sequence[float]  # seconds, a round each


@frozen
class SteadyTiming:
    """How long a network takes, in seconds. came: as it was timed. drift: by which factor the machine is slower
    than it was; None: not known. seconds: the time without the drift. margin: by how much of `seconds`, as a share,
    a later timing may be above it."""

    came: float
    drift: float | None
    seconds: float
    margin: float

    @property
    def sure(self) -> float:
        """What a later timing stays below in 19 of 20 cases, in seconds."""
        return self.seconds * (1 + self.margin)


def steadied(loads: Sequence[Rounds], references: Sequence[tuple[float, Sequence[Rounds]]]) -> SteadyTiming:
    """The time of a network by its loads. references: of each its seconds then, and the rounds of its loads now.
    All were timed in the same rounds; there are at least two loads and two references."""
    drifts = [
        median(load[number] / then for then, several in references for load in several)
        for number in range(len(loads[0]))
    ]

    def steady(rounds: Rounds) -> float:
        return median(time / drift for time, drift in zip(rounds, drifts, strict=True))

    own = [steady(rounds) for rounds in loads]
    apart = [median(map(steady, several)) / then for then, several in references]
    seconds = median(own)
    parts = [(pi / 2 * stdev(map(log, some)) ** 2 / len(some), len(some) - 1) for some in (own, apart)]
    variance = sum(part for part, _ in parts)
    margin = 0.0
    if variance > 0:
        freedom = variance**2 / sum(part**2 / free for part, free in parts)
        margin = exp(student(SURE, freedom) * sqrt(2 * variance)) - 1
    return SteadyTiming(median(map(median, loads)), median(drifts), seconds, margin)


def student(probability: float, freedom: float) -> float:
    """The quantile of Student's distribution, by its expansion from the normal one (Abramowitz and Stegun, 1964,
    26.7.5): at 95 % right to 0.3 % from 2 degrees of freedom on."""
    z = NormalDist().inv_cdf(probability)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term / freedom**power for power, term in enumerate(terms))
