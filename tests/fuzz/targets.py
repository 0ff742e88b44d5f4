"""What the coverage-guided fuzzer runs: one function for each parser, any bytes -> nothing.

Rule: a function that returns says that the law held; any exception is a defect. The first bytes of
an input are read as choices (``_cut_up``), the rest is what the parser gets, so that every input
means something and a file of the corpus can be replayed without the fuzzer.
"""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Callable, Mapping
from http.client import HTTPException, IncompleteRead
from ipaddress import IPv6Address
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import requests

from config.urls import chat_url
from proxy.chunks import Chunk
from proxy.dynamic_path import DynamicTarget, is_dynamic, parse_dynamic_target
from proxy.dynamic_route import dynamic_provider
from proxy.errors import NotFound, PermissionDenied
from proxy.upstream.prompt_response import PromptResponse
from proxy.upstream.sse import ChunkDecoder
from tests.fuzz.far_side import FarSide
from tests.fuzz.plain_chunks import unchunked
from tests.fuzz.streams import plainly, through_frames

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SMALL_EVENTS = 48
"""Event limit that short inputs reach."""
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def _cut_up(data: bytes) -> tuple[int, list[bytes]]:
    """A choice of 32, and the rest in up to eight pieces: the first byte says both."""
    if not data:
        return 0, []
    number = data[0] % 8
    places, rest = data[1 : 1 + 2 * number], data[1 + 2 * number :]
    cuts = {
        int.from_bytes(places[at : at + 2]) % (len(rest) + 1) for at in range(0, len(places), 2)
    }
    bounds = sorted({0, *cuts, len(rest)})
    return data[0] // 8, [rest[start:end] for start, end in itertools.pairwise(bounds)]


def event_stream(data: bytes) -> None:
    """The decoder says the same however a stream is cut, and so does the way of learned frames."""
    choice, pieces = _cut_up(data)
    whole = b"".join(pieces)
    limit = SMALL_EVENTS if choice & 1 else len(data) + 1
    assert _chunks(limit, *pieces) == _chunks(limit, whole)
    single = [whole[at : at + 1] for at in range(len(whole))]
    assert _chunks(limit, *single) == _chunks(limit, whole)
    tags = bool(choice & 2)
    assert through_frames(pieces, think_tags=tags) == plainly(whole, think_tags=tags)


def _chunks(limit: int, *pieces: bytes) -> list[Chunk]:
    decoder = ChunkDecoder(event_bytes=limit)
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    return chunks + decoder.finish()


def chunked_body(data: bytes) -> None:
    """A chunked body is what the reference reads in it, however it arrives and is asked for.

    What follows its end never gets into it, and leaves no connection that could be used again.
    """
    choice, pieces = _cut_up(data)
    body = b"".join(pieces)
    expected = unchunked(body)
    together = [HEAD + pieces[0], *pieces[1:]] if choice & 1 and pieces else [HEAD, *pieces]
    far: Any = FarSide(together)
    response = PromptResponse(far, method="POST")
    response.begin()
    found, ending = b"", "complete"
    try:
        while piece := response.read1((-1, 1, 3, 100)[choice // 2 % 4]):
            found += piece
    except IncompleteRead:
        ending = "cut short"
    except HTTPException:
        ending = "bad"
    assert (found, ending) == (expected.data, expected.ending)
    if ending == "complete":
        assert response.isclosed()
        assert far.shut or far.sent <= len(HEAD) + expected.length


def dynamic_target(data: bytes) -> None:
    """Any target is refused, or names a host that every later reader of its URL takes for the same.

    The text is Latin-1, as a server hands over a raw target.
    """
    text = data.decode("latin-1")
    # Most inputs should get past the first words.
    for raw in (text, f"/https/{text}", f"/http/{text}/v1/messages"):
        try:
            target = parse_dynamic_target(raw)
        except (NotFound, PermissionDenied):
            continue
        assert is_dynamic(raw)
        _check_host(target)
        _check_url(target)


def _check_host(target: DynamicTarget) -> None:
    host = target.host
    assert target.port is None or 0 < target.port < 65536
    if host.startswith("["):
        assert f"[{IPv6Address(host[1:-1])}]" == host
        return
    try:
        # The most lenient reader of addresses: 127.1, 0x7f000001, 0177.0.0.1.
        number = socket.inet_aton(host)
    except OSError:
        assert len(host) <= 253
        assert all(map(_LABEL.fullmatch, host.split(".")))
        return
    assert socket.inet_ntoa(number) == host


def _check_url(target: DynamicTarget) -> None:
    provider = dynamic_provider(target, "2024-10-21")
    for url in (provider.base_url, chat_url(provider, None)):
        prepared = requests.Request("POST", url).prepare()
        for seen in (urlsplit(url), urlsplit(str(prepared.url))):
            assert seen.scheme == target.scheme
            assert seen.hostname == target.host.strip("[]")
            assert (seen.port or target.port_number) == target.port_number
            assert (seen.username, seen.fragment) == (None, "")
        path = urlsplit(str(prepared.url)).path
        assert unquote_to_bytes(path).startswith(unquote_to_bytes(target.prefix or "/"))
        assert not set(prepared.path_url) & set("\r\n\t \\\x00#")


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "event_stream": event_stream,
    "chunked_body": chunked_body,
    "dynamic_target": dynamic_target,
}
"""By the name of the file in ``tests/fuzz/corpus``."""
