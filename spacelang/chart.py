"""Bars over an axis as a picture: SVG written out, PNG through Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from io import BytesIO
from pathlib import Path

from attrs import frozen

WIDTH, HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 24, 24, 44, 40
_BAR, _INK = "#4477aa", "#222222"


@frozen
class Bars:
    """A title; the height of each bar, between 0 and 1, with what it says; the words at both ends of the axis."""

    title: str
    heights: tuple[float, ...]
    notes: tuple[str, ...]
    ends: tuple[str, str]


def heights(counts: Sequence[int]) -> tuple[float, ...]:
    """Counts of any size, in proportion to the greatest."""
    most = max(counts, default=0)
    return tuple(count / most if most else 0.0 for count in counts)  # int / int: right however large


def save(bars: Bars, path: Path) -> None:
    """Write the picture; the suffix, .svg or .png, says in which format. Raises ValueError for another one, and
    OSError that names `path`."""
    match path.suffix.lower():
        case ".svg":
            picture = svg(bars).encode()
        case ".png":
            picture = _png(bars)
        case suffix:
            raise ValueError(f"a plot is written as .svg or .png, not {suffix or 'without a suffix'}")
    fresh = not path.exists()
    try:
        path.write_bytes(picture)
    except OSError as error:
        if fresh:  # nothing half written is left behind
            path.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


def svg(bars: Bars) -> str:
    """The picture as SVG; each bar tells its note when pointed at."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="13" fill="{_INK}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="26" font-size="15">{escape(bars.title)}</text>',
    ]
    for (left, top, right, bottom), note in zip(_boxes(bars), bars.notes, strict=True):
        box = f'x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}" height="{bottom - top:.2f}"'
        lines.append(f'<rect {box} fill="{_BAR}"><title>{escape(note)}</title></rect>')
    floor = HEIGHT - _BOTTOM
    lines += [
        f'<path d="M{_LEFT} {floor}H{WIDTH - _RIGHT}" stroke="{_INK}"/>',
        f'<text x="{_LEFT}" y="{floor + 20}">{escape(bars.ends[0])}</text>',
        f'<text x="{WIDTH - _RIGHT}" y="{floor + 20}" text-anchor="end">{escape(bars.ends[1])}</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _png(bars: Bars) -> bytes:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    pen.text((_LEFT, 14), bars.title, _INK, font_size=15)
    for left, top, right, bottom in _boxes(bars):
        if bottom - top >= 0.5:
            pen.rectangle((left, top, max(left, right - 1), bottom), _BAR)
    floor = HEIGHT - _BOTTOM
    pen.line((_LEFT, floor, WIDTH - _RIGHT, floor), _INK)
    pen.text((_LEFT, floor + 8), bars.ends[0], _INK, font_size=13)
    pen.text((WIDTH - _RIGHT, floor + 8), bars.ends[1], _INK, font_size=13, anchor="ra")
    written = BytesIO()
    image.save(written, "png")
    return written.getvalue()


def _boxes(bars: Bars) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each bar."""
    width = (WIDTH - _LEFT - _RIGHT) / max(1, len(bars.heights))
    floor, room = HEIGHT - _BOTTOM, HEIGHT - _TOP - _BOTTOM
    return [
        (_LEFT + i * width, floor - height * room, _LEFT + (i + 1) * width - min(1.0, width / 8), floor)
        for i, height in enumerate(bars.heights)
    ]
