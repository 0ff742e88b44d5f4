"""Parts of Chat Completions -> parts of Responses items.

Rule: the shared converters create parts in the form of Chat Completions; only their outer form differs
here, so texts, data URLs and cache markers stay the same (docs/protocol.md 12.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from proxy.convert.request.caching import BREAKPOINT
from proxy.convert.request.parts import Part

Item = dict[str, Any]


def input_content(content: str | list[Part]) -> str | list[Part]:
    """The content of a message or an output: a string stays one, ``content`` is not used again."""
    return content if isinstance(content, str) else [input_part(part) for part in content]


def input_part(part: Part) -> Part:
    """``part`` in the form of Responses."""
    return _CONVERTER_FOR_PART[part["type"]](part)


def message(role: str, content: str | list[Part]) -> Item:
    """A message item; ``content`` is in the form of Chat Completions."""
    return {"type": "message", "role": role, "content": input_content(content)}


def parts_in(items: Iterable[Item]) -> Iterator[Part]:
    """The parts of all messages and outputs, in order."""
    for item in items:
        content = item.get("content") or item.get("output")
        if isinstance(content, list) and item["type"] != "reasoning":
            yield from content


def _text(part: Part) -> Part:
    part["type"] = "input_text"
    return part


def _image(part: Part) -> Part:
    # ``detail`` is required here.
    image = {"type": "input_image", "image_url": part["image_url"]["url"], "detail": "auto"}
    return _marked(image, part)


def _file(part: Part) -> Part:
    return _marked({"type": "input_file", **part["file"]}, part)


def _marked(made: Part, part: Part) -> Part:
    if BREAKPOINT in part:
        made[BREAKPOINT] = part[BREAKPOINT]
    return made


_CONVERTER_FOR_PART: Mapping[str, Callable[[Part], Part]] = {
    "text": _text,
    "image_url": _image,
    "file": _file,
}
