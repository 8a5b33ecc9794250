"""The figures of a refinement: how the errors of its spaces are spread, the line of every subspace, and how each
stage's choices moved (the source's figures 2 to 4, of one's own spaces)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spacelang.canvas import COLOURS, FAINT, INK, Box, Canvas, Dot, Shape, Text, Trace
from spacelang.expression import Number, decimal
from spacelang.language.dimensions import NUMBERS
from spacelang.refinement.account import Account
from spacelang.refinement.evidence import said
from spacelang.refinement.move import Move, signed

_WIDTH, _HEIGHT = 600.0, 400.0  # words of 14: legible at 420 pixels' width
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 24.0, 44.0, 48.0
_PANEL, _COLUMNS = (196.0, 142.0), 3


def colour(number: int) -> str:
    """The colour of the space of a round, from 0."""
    return COLOURS[number % len(COLOURS)]


def distributions(accounts: Sequence[Account]) -> Canvas:
    """The share of each space's networks whose error is at most so much: the further left, the better the space."""
    low = min(account.errors[0] for account in accounts)
    high = max(account.errors[-1] for account in accounts)
    room = max(high - low, 1e-3)
    low, high = low - 0.03 * room, high + 0.03 * room

    def x(error: float) -> float:
        return _LEFT + (error - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def y(share: float) -> float:
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    shapes: list[Shape] = [Text(_LEFT, 24, "Errors of random networks inside the bounds, space by space", 16)]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        shapes += [
            Trace(((_LEFT, y(share)), (_WIDTH - _RIGHT, y(share))), FAINT),
            Text(_LEFT - 8, y(share) + 4, f"{share:.0%}", 14, "end"),
        ]
    for tick in _ticks(low, high):
        shapes += [
            Trace(((x(tick), y(0)), (x(tick), y(0) + 5)), INK),
            Text(x(tick), y(0) + 18, f"{100 * tick:g} %", 14, "middle"),
        ]
    shapes.append(Text(_WIDTH - _RIGHT, _HEIGHT - 8, "held-out top-1 error", 14, "end"))
    for number, account in enumerate(accounts):
        count = len(account.errors)
        way = [(x(account.errors[0]), y(0.0))]
        for place, error in enumerate(account.errors, 1):
            way += [(x(error), way[-1][1]), (x(error), y(place / count))]
        q = account.quality
        note = f"{account.space}: E-T {said(q.error)} %, mean {said(q.mean)} %, best {said(q.top)} %"
        shapes.append(Trace(tuple(way), colour(number), 2, note))
        at = x(q.error.value)
        shapes.append(Trace(((at, y(0)), (at, y(1))), colour(number), 0.75, f"E-T error of {account.space}"))
        row = _HEIGHT - 8 + 18 * number
        shapes += [
            Box(_LEFT, row - 9, 14, 10, colour(number)),
            Text(_LEFT + 20, row, f"{account.space}: E-T error {100 * q.error.value:.2f} %", 14),
        ]
    return Canvas(_WIDTH, _HEIGHT + 18 * (len(accounts) - 1), tuple(shapes))


def slopes(account: Account) -> Canvas:
    """A panel for every subspace: its options with their E-T errors, and the line through them. A line whose
    interval holds zero is grey, one that moves its options is thick."""
    moves = account.moves
    errors = [point.error for move in moves for point in move.slope.points] or [0.0]
    low, high = min(errors), max(errors)
    room = max(high - low, 1e-3)
    low, high = low - 0.08 * room, high + 0.08 * room
    title = f"{account.space}: E-T error, %, where all layers of a stage have an option"
    shapes: list[Shape] = [Text(12, 24, title, 16)]
    across, down = _PANEL[0], _PANEL[1] + 44
    row = 0
    for stage in sorted({move.slope.part.stage for move in moves}):
        own = [move for move in moves if move.slope.part.stage == stage]
        for number, move in enumerate(own):
            shapes += _panel(
                move, 6 + number % _COLUMNS * across, 40 + (row + number // _COLUMNS) * down, low, high
            )
        row += -(-len(own) // _COLUMNS)
    return Canvas(_WIDTH, 40 + row * down, tuple(shapes))


def _panel(move: Move, left: float, top: float, low: float, high: float) -> Iterator[Shape]:
    slope, part = move.slope, move.slope.part
    inner, wide, high_ = left + 44, _PANEL[0] - 56, _PANEL[1] - 28
    first, last = float(part.options[0]), float(part.options[-1])

    def x(value: float) -> float:
        return inner + 10 + (value - first) / (last - first) * (wide - 20)

    def y(error: float) -> float:
        return top + 20 + (high - error) / (high - low) * high_

    def line(value: float) -> float:
        return slope.level + slope.slope.value * (value - slope.middle) / float(part.step)

    yield Text(inner, top + 12, part.name, 14)
    yield Trace(((inner, top + 20), (inner, top + 20 + high_), (inner + wide, top + 20 + high_)), FAINT)
    for error in (low, high):
        yield Text(inner - 4, y(error) + 4, f"{100 * error:.1f}", 14, "end")
    shade = INK if slope.slope.signed else "#999999"
    note = f"{said(slope.slope)} points a step of {decimal(part.step)}"
    ends = tuple((x(value), min(max(y(line(value)), top + 20), top + 20 + high_)) for value in (first, last))
    yield Trace(ends, shade, 2.5 if move.taken else 1, note)
    for point in slope.points:
        told = f"{decimal(point.option)}: {100 * point.error:.2f} %, {point.count:.0f} networks"
        yield Dot(x(float(point.option)), y(point.error), 3.5, COLOURS[0], told)
        yield Text(x(float(point.option)), top + 36 + high_, decimal(point.option), 14, "middle")
    told = f"{100 * slope.slope.value:+.2f} a step" + (f": {signed(move.taken)}" if move.taken else "")
    yield Text(inner, top + 54 + high_, told, 14, "start", shade)


def moved(accounts: Sequence[Account]) -> Canvas:
    """How the options of every subspace lie from space to space: a bar from the least to the greatest for each."""
    places = sorted({place for account in accounts for place in _placed(account)}, key=_order)
    stages = sorted({stage for stage, _ in places})
    dimensions = sorted({dimension for _, dimension in places}, key=lambda d: _order((0, d)))
    cell, tall, head = 150.0, 26.0 + 18.0 * len(accounts), 32.0 + 18.0 * len(accounts)
    shapes: list[Shape] = [Text(12, 24, "How the choices of each stage moved", 16)]
    for number, account in enumerate(accounts):
        row = 46.0 + 18.0 * number
        shapes += [Box(12, row - 10, 14, 10, colour(number)), Text(32, row, account.space, 14)]
    for column, stage in enumerate(stages):
        shapes.append(Text(90 + column * cell, head + 20, f"stage {stage}" if stage else "network", 14))
    for row, dimension in enumerate(dimensions):
        top = head + 30 + row * tall
        shapes.append(Text(12, top + tall / 2, dimension, 14))
        for column, stage in enumerate(stages):
            rows = [_placed(account).get((stage, dimension)) for account in accounts]
            shapes += _bars(rows, 90 + column * cell, top, cell - 24)
    return Canvas(max(340.0, 90 + cell * len(stages)), head + 40 + tall * len(dimensions), tuple(shapes))


def _bars(rows: Sequence[tuple[Number, ...] | None], left: float, top: float, wide: float) -> Iterator[Shape]:
    known = [float(option) for row in rows if row for option in row]
    if not known:
        return
    low, room = min(known), max(max(known) - min(known), 1e-9)
    for number, row in enumerate(rows):
        if row is None:
            continue
        y = top + 8 + 18 * number
        ends = [left + (float(option) - low) / room * (wide - 70) for option in (row[0], row[-1])]
        yield Trace(((ends[0], y), (ends[1], y)), colour(number), 1.5)
        for option in row:
            yield Dot(left + (float(option) - low) / room * (wide - 70), y, 3, colour(number), decimal(option))
        yield Text(ends[1] + 8, y + 4, f"{decimal(row[0])}..{decimal(row[-1])}", 14)


def _placed(account: Account) -> dict[tuple[int, str], tuple[Number, ...]]:
    return {(move.slope.part.stage, move.slope.part.dimension): move.before for move in account.moves}


def _order(place: tuple[int, str]) -> tuple[int, int]:
    return place[0], NUMBERS.index(place[1])


def _ticks(low: float, high: float) -> Iterator[float]:
    """Some four round values between two ends."""
    step = next(
        s for s in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / s <= 6 or s == 0.5
    )
    first = -(-low // step)
    for number in range(int((high - low) / step) + 2):
        if (value := (first + number) * step) <= high:
            yield round(value, 6)
