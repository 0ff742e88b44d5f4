"""A terminal's screen as an SVG picture, whose text can be selected and searched.

Rule: pure; the input is what ``tmux capture-pane -e`` prints: lines with SGR sequences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

SIZE, CELL, ROW = 14, 8.43, 17
"""Font size, and width and height of a cell, in pixels."""
PADDING, TITLE_BAR, GAP = 14, 30, 14
BACKGROUND, FOREGROUND, BAR, BORDER = "#1b1d22", "#d8dade", "#2b2e35", "#454a54"
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
BASIC = (
    *("#24272e", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d8dade"),
    *("#5c6370", "#ff8a93", "#b5e08f", "#ffd68a", "#82c7ff", "#dd9aef", "#7fd3de", "#ffffff"),
)
_SGR = re.compile(r"\x1b\[([\d;:]*)m")


@dataclass(frozen=True, slots=True)
class Style:
    """How cells are drawn; a colour is ``#rrggbb``, None the terminal's own."""

    colour: str | None = None
    behind: str | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    inverse: bool = False

    def attributes(self) -> str:
        """The attributes of its ``text`` element."""
        colour = (self.behind or BACKGROUND) if self.inverse else (self.colour or FOREGROUND)
        found = f' fill="{colour}"' if colour != FOREGROUND else ""
        found += ' font-weight="bold"' if self.bold else ""
        found += ' font-style="italic"' if self.italic else ""
        return found + (' opacity="0.6"' if self.dim else "")

    def ground(self) -> str | None:
        """The colour behind the text."""
        return (self.colour or FOREGROUND) if self.inverse else self.behind


Run = tuple[Style, str]


@dataclass(frozen=True, slots=True)
class Window:
    """One terminal: its title and its lines."""

    title: str
    lines: Sequence[str]


def picture(windows: Sequence[Window], columns: int, title: str) -> str:
    """The windows, one below the other, as an SVG document; ``title`` is its alternative text."""
    width = round(columns * CELL) + 2 * PADDING
    drawn, top = list[str](), 0
    for window in windows:
        height = TITLE_BAR + 2 * PADDING + ROW * len(window.lines)
        drawn += _window(window, top, width, height)
        top += height + GAP
    return "\n".join([*_head(width, top - GAP, title), *drawn, "</svg>", ""])


def _head(width: int, height: int, title: str) -> list[str]:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title"'
        f' font-family="{FONTS}" font-size="{SIZE}" xml:space="preserve">',
        f'<title id="title">{escape(title)}</title>',
    ]


def _window(window: Window, top: int, width: int, height: int) -> Iterator[str]:
    yield f'<g transform="translate(0 {top})" fill="{FOREGROUND}">'
    frame = f'x="0.5" y="0.5" width="{width - 1}" rx="8"'
    yield f'<rect {frame} height="{height - 1}" fill="{BACKGROUND}" stroke="{BORDER}"/>'
    yield f'<rect {frame} height="{TITLE_BAR - 1}" fill="{BAR}"/>'
    for x, colour in ((18, "#e06c75"), (36, "#e5c07b"), (54, "#98c379")):
        yield f'<circle cx="{x}" cy="15" r="5" fill="{colour}"/>'
    yield f'<text x="{width / 2:g}" y="20" text-anchor="middle">{escape(window.title)}</text>'
    for number, line in enumerate(runs("\n".join(window.lines))):
        yield from _line(line, TITLE_BAR + PADDING + ROW * number)
    yield "</g>"


def _line(line: Sequence[Run], top: int) -> Iterator[str]:
    column, grounds, texts = 0, list[str](), list[str]()
    for style, text in line:
        x, width = PADDING + column * CELL, len(text) * CELL
        if ground := style.ground():
            grounds.append(
                f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{ROW}" fill="{ground}"/>'
            )
        if shown := text.strip():
            texts.append(_text(style, shown, x + (len(text) - len(text.lstrip())) * CELL, top))
        column += len(text)
    yield from grounds
    yield from texts


def _text(style: Style, text: str, x: float, top: int) -> str:
    # The fixed length keeps columns aligned with any font.
    length = f'textLength="{len(text) * CELL:.1f}" lengthAdjust="spacingAndGlyphs"'
    place = f'x="{x:.1f}" y="{top + 13}" {length}{style.attributes()}'
    return f"<text {place}>{escape(text)}</text>"


def runs(text: str) -> Iterator[list[Run]]:
    """Each line in pieces of one style; a style lasts until it is changed, also over lines."""
    style = Style()
    for line in text.split("\n"):
        pieces, end = list[Run](), 0
        for sequence in _SGR.finditer(line):
            pieces.append((style, line[end : sequence.start()]))
            style, end = _changed(style, sequence[1]), sequence.end()
        yield [piece for piece in [*pieces, (style, line[end:])] if piece[1]]


def _changed(style: Style, parameters: str) -> Style:
    numbers = iter([int(number or 0) for number in re.split("[;:]", parameters)])
    for number in numbers:
        if number == 0:
            style = Style()
        elif number in (38, 48):
            colour = _colour(numbers)
            is_text = number == 38
            style = replace(style, colour=colour) if is_text else replace(style, behind=colour)
        else:
            style = replace(style, **_attribute(number))
    return style


def _colour(numbers: Iterator[int]) -> str:
    if next(numbers) == 2:
        return "#" + "".join(f"{next(numbers):02x}" for _ in range(3))
    index = next(numbers)
    if index < 16:
        return BASIC[index]
    if index >= 232:
        return "#" + f"{8 + 10 * (index - 232):02x}" * 3
    levels = (0, 95, 135, 175, 215, 255)
    index -= 16
    return "#" + "".join(f"{levels[index // step % 6]:02x}" for step in (36, 6, 1))


def _attribute(number: int) -> dict[str, Any]:
    if 30 <= number <= 37 or 90 <= number <= 97:
        return {"colour": BASIC[number - 30 if number < 90 else number - 82]}
    if 40 <= number <= 47 or 100 <= number <= 107:
        return {"behind": BASIC[number - 40 if number < 100 else number - 92]}
    return SWITCHES.get(number, {})


SWITCHES: dict[int, dict[str, Any]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    7: {"inverse": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    27: {"inverse": False},
    39: {"colour": None},
    49: {"behind": None},
}
"""The other numbers of SGR, and what they change."""
