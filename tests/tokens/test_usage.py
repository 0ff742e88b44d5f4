from __future__ import annotations

from typing import Any

from proxy.convert.reply.usage import UsageEstimate
from proxy.tokens import RequestEstimate, count_chat_tokens, count_text

BODY: dict[str, Any] = {"messages": [{"role": "user", "content": "hello world"}]}


def test_input_is_the_count_of_section_6() -> None:
    estimate: UsageEstimate = RequestEstimate(BODY, "o200k_base")
    assert estimate.count_input() == count_chat_tokens(BODY, "o200k_base").tokens == 9


def test_output_is_the_text_alone() -> None:
    estimate = RequestEstimate(BODY, "o200k_base")
    assert estimate.count_output("hello world") == count_text("hello world", "o200k_base").tokens
    assert estimate.count_output("") == 0


def test_the_request_is_counted_once_and_only_when_asked() -> None:
    class Watched(dict[str, Any]):
        reads = 0

        def get(self, key: str, default: Any = None) -> Any:
            Watched.reads += key == "messages"
            return super().get(key, default)

    estimate = RequestEstimate(Watched(BODY), "o200k_base")
    estimate.count_output("hello")
    assert Watched.reads == 0
    assert [estimate.count_input(), estimate.count_input()] == [9, 9]
    assert Watched.reads == 1
