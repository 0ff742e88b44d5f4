"""What the coverage-guided fuzzer runs: one function for each parser, any bytes -> nothing.

Rule: a function that returns says that the law held; any exception is a defect.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from http.client import HTTPException, IncompleteRead
from ipaddress import IPv6Address
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import requests

from config.urls import chat_url
from proxy.errors import NotFound, PermissionDenied
from proxy.providers.dynamic_path import DynamicTarget, is_dynamic, parse_dynamic_target
from proxy.providers.dynamic_route import dynamic_provider
from proxy.sse import Chunk
from proxy.upstream.chunked_response import EagerResponse
from proxy.upstream.event_decoder import ChunkDecoder
from tests.fuzz.frame_target import learned_frames
from tests.fuzz.head_target import response_head
from tests.fuzz.input_choices import chosen, cut_at, single_bytes
from tests.fuzz.memory_socket import MemorySocket
from tests.fuzz.native_target import model_name, native_stream
from tests.fuzz.plain_chunks import unchunked
from tests.fuzz.streams import assert_same

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SMALL_EVENTS = 48
"""Event limit that short inputs reach."""
_REPEATED_VERSION = re.compile(r"(?:/v1)+$")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def event_stream(data: bytes) -> None:
    """The decoder says the same however a stream is cut, and so does the way of learned frames."""
    choice, places, whole = chosen(data)
    pieces = cut_at(whole, places)
    limit = SMALL_EVENTS if choice & 1 else len(data) + 1
    told = _chunks(limit, whole)
    assert _chunks(limit, *pieces) == told
    assert _chunks(limit, *single_bytes(whole)) == told
    assert_same(pieces, whole, think_tags=bool(choice & 2))


def _chunks(limit: int, *pieces: bytes) -> list[Chunk]:
    decoder = ChunkDecoder(event_bytes=limit)
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    return chunks + decoder.finish()


def chunked_body(data: bytes) -> None:
    """A chunked body is what the reference reads in it, however it arrives and is asked for.

    What follows its end never gets into it, and leaves no connection that could be used again.
    """
    choice, places, body = chosen(data)
    pieces = cut_at(body, places)
    expected = unchunked(body)
    together = [HEAD + pieces[0], *pieces[1:]] if choice & 1 and pieces else [HEAD, *pieces]
    far: Any = MemorySocket(together)
    response = EagerResponse(far, method="POST")
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
        # A version that is given twice counts once.
        prefix = _REPEATED_VERSION.sub("/v1", target.prefix)
        assert unquote_to_bytes(path).startswith(unquote_to_bytes(prefix or "/"))
        assert not set(prepared.path_url) & set("\r\n\t \\\x00#")


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "event_stream": event_stream,
    "chunked_body": chunked_body,
    "dynamic_target": dynamic_target,
    "learned_frames": learned_frames,
    "model_name": model_name,
    "native_stream": native_stream,
    "response_head": response_head,
}
"""By the name of the file in ``tests/fuzz/corpus``."""
