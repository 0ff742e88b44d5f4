"""Events about the text of a Responses message -> pieces of text and refusals."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxy.convert.reply.content_parts import entries, string_in
from proxy.convert.reply.pieces import ContentPiece
from proxy.convert.reply.responses.items import Item, Part
from proxy.convert.reply.responses.part_reading import Event, PartReading, member
from proxy.convert.reply.responses.search_reader import SearchReader, annotations_in


class TextReader:
    """Reads the events of one answer's messages."""

    __slots__ = ("_searches", "_shared")

    def __init__(self, shared: PartReading, searches: SearchReader) -> None:
        self._shared = shared
        self._searches = searches

    def complete(self, item: Item, sent: Event) -> None:
        """Tell what ``sent``, the whole message, adds to ``item``."""
        content = sent.get("content")
        if isinstance(content, str):
            content = [{"type": "output_text", "text": content}]
        for place, part in enumerate(entries(content, "content parts")):
            if isinstance(part, dict):
                self.complete_part(item, item.part_at("content", place), part)

    def complete_part(self, item: Item, held: Part, part: Event) -> None:
        """Tell what ``part``, as far as it is known, adds to ``held``."""
        refusal = part.get("type") == "refusal"
        text = string_in(part, "refusal" if refusal else "text")
        self._complete(item, held, text, refusal=refusal)
        for annotation in annotations_in(part) if held.length else ():
            self._searches.cite(item, annotation)

    def take_annotation(self, event: Event) -> None:
        """Read an annotation of text."""
        self._searches.cite(self._shared.table.find(event, "message"), event.get("annotation"))

    def take_text(self, event: Event) -> None:
        """Read a delta of text."""
        self._delta(event, refusal=False)

    def take_refusal(self, event: Event) -> None:
        """Read a delta of a refusal."""
        self._delta(event, refusal=True)

    def take_text_done(self, event: Event) -> None:
        """Read the whole text of a part."""
        self._end(event, member(event, "text"), refusal=False)

    def take_refusal_done(self, event: Event) -> None:
        """Read the whole text of a refusal."""
        self._end(event, member(event, "refusal"), refusal=True)

    def _delta(self, event: Event, *, refusal: bool) -> None:
        text = string_in(event, "delta")
        item = self._shared.table.find(event, "message")
        part = item.part("content", event.get("content_index"))
        if text and self._shared.in_progress(item, part):
            self._tell(item, part, text, refusal=refusal)

    def _end(self, event: Event, text: str, *, refusal: bool) -> None:
        item = self._shared.table.find(event, "message")
        part = item.done_part("content", event.get("content_index"))
        self._complete(item, part, text, refusal=refusal)
        part.done = True

    def _complete(self, item: Item, part: Part, text: str, *, refusal: bool) -> None:
        rest = self._shared.rest(part, text)
        if rest:
            self._tell(item, part, rest, refusal=refusal)

    def _tell(self, item: Item, part: Part, text: str, *, refusal: bool) -> None:
        part.add(text)
        self._shared.writer.write(item, ContentPiece("refusal" if refusal else "text", text))


HANDLERS: Mapping[str, Callable[[TextReader, Event], None]] = {
    "response.output_text.delta": TextReader.take_text,
    "response.output_text.done": TextReader.take_text_done,
    "response.output_text.annotation.added": TextReader.take_annotation,
    "response.refusal.delta": TextReader.take_refusal,
    "response.refusal.done": TextReader.take_refusal_done,
}
"""By the type of the event."""
