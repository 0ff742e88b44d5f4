"""Words of each target's language, for the fuzzer to put in; it would have to guess them letter by letter.

Rule: words only; what they do together is the fuzzer's to find.
"""

from __future__ import annotations

from collections.abc import Mapping

_ENDS = (b"\n\n", b"\r\n", b"\r\r", b"\r\n\r\n", b"\n\n\n")
_JSON = (
    b'":"',
    b'":{"',
    b'"}',
    b'":[',
    b"\\u00",
    b"\\ud83d",
    b'\\"',
    b"\\\\",
    b"null",
    b"1e9",
    b"-1",
)

TOKENS: Mapping[str, tuple[bytes, ...]] = {
    "chunked_body": (b"\r\n", b"0\r\n\r\n", b"\r\n5\r\n", b";x", b"0x", b"+", b" ", b"\n", b"fffffffff"),
    "dynamic_target": (b"/https/", b"/http/", b"127.0.0.1", b"[::1]", b"0x7f", b"%2f", b"@", b":443",
                       b"..", b"/v1/messages", b"openai.azure.com", b"?", b"#", b"\\"),
    "event_stream": (
        b"data: ", b"event: ", b"id: ", b": ", b"[DONE]", b'{"choices":[{"delta":{"content":"',
        b'"}}]}', b'{"error":', b"error", b"\xef\xbb\xbf", b'"finish_reason":"stop"', b'"tool_calls":[{',
        b'"reasoning_content":"', b"<think>", b"</think>", *_ENDS, *_JSON,
    ),
    "learned_frames": (
        b"\n", b"\n\x20", b"\n\x30", b"\n\x24", b"\n\x27", b"\n\x06", b"\n\x0f", b'"},"finish_reason":"stop',
        b'","role":"', b"<think>", b"</think>", b"[DONE]", b"\x7f", b"\xff", *_JSON,
    ),
    "model_name": (
        b'"model"', b'{"model":"', b'"m\\u006fdel"', b"{", b"}", b"[", b"]", b",", b":", b" ", *_JSON,
    ),
    "native_stream": (
        b"data:", b"data: ", b"event: ", b'{"type":"', b"message_start", b"message_delta",
        b"message_stop", b"content_block_delta", b"error", b"ping", b'"message":{"', b'"model":"',
        b'"usage":{"', b'"output_tokens":', b'"output_tokens_details":{', b'"delta":{"stop_reason":"',
        b"m\\u006fdel", b"message\\u005fstop", *_ENDS, *_JSON,
    ),
    "response_head": (
        b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 ", b"HTTP/1.1 204 ", b"HTTP/1.1 304 ", b"HTTP/1.1 100 C\r\n\r\n",
        b"HTTP/1.1 101 ", b"Content-Length: ", b"Transfer-Encoding: ", b"chunked", b"identity", b"gzip",
        b"Connection: ", b"close", b"keep-alive", b"\r\n", b"\r\n\r\n", b"\n\n", b" ", b"\t", b"\x0b",
        b"\x85", b"\x00", b", ", b"5, 5", b": ", b"5\r\nhello\r\n0\r\n\r\n", b"From ", b"_",
    ),
}  # fmt: skip
"""By the name of the target."""


def dictionary(target: str) -> str:
    """The words as libFuzzer reads them: one quoted string a line."""
    lines = ["".join(map("\\x{:02x}".format, word)) for word in TOKENS[target]]
    return "".join(f'"{line}"\n' for line in lines)
