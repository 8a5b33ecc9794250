"""A contact sheet: photos side by side, each with words under it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from spacelang_runtime.data.decode import Broken, decode

SIDE, LINE, GAP = 160, 16, 8  # pixels: of a photo at most, of a line of words, between two
COLUMNS = 6
MOST = 600  # photos on a sheet


def contact_sheet(photos: Sequence[tuple[Path, Sequence[str]]]) -> Image.Image:
    """The photos with their words, a line each, from left to right and from top to bottom. A photo that cannot be
    read is an empty place with its words."""
    rows = max((len(words) for _, words in photos), default=0)
    columns = min(COLUMNS, max(1, len(photos)))
    wide, high = SIDE + GAP, SIDE + LINE * rows + 2 * GAP
    sheet = Image.new("RGB", (GAP + wide * columns, GAP + high * -(-len(photos) // columns)), "white")
    draw, letters = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for number, (path, words) in enumerate(photos):
        left, top = GAP + number % columns * wide, GAP + number // columns * high
        try:
            photo = decode(path, SIDE)
            photo.thumbnail((SIDE, SIDE))
            sheet.paste(photo, (left + (SIDE - photo.width) // 2, top + (SIDE - photo.height) // 2))
        except Broken:
            draw.rectangle((left, top, left + SIDE - 1, top + SIDE - 1), outline="#cccccc")
        for row, line in enumerate(words):
            draw.text((left, top + SIDE + 4 + LINE * row), fitted(line, letters), fill="black", font=letters)
    return sheet


def fitted(line: str, letters: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """A line as far as it fits under a photo."""
    if letters.getlength(line) <= SIDE:
        return line
    while line and letters.getlength(f"{line}…") > SIDE:
        line = line[:-1]
    return f"{line}…"
