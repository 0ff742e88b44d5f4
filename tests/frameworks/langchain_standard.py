"""LangChain's standard integration tests for ChatAnthropic, as langchain-anthropic configures them.

Run by ``test_langchain.py`` with the Python of an environment that holds langchain-anthropic and
langchain-tests, and without the project's own packages. Differences from the package's own
configuration: the pictures and documents that the tests fetch are files in the working directory,
since nothing leaves the machine, and nothing was recorded for the test that measures time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, cast

import httpx
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests

Detail = Literal[
    "audio_input", "audio_output", "reasoning_output", "cache_read_input", "cache_creation_input"
]
MODEL = "claude-haiku-4-5-20251001"
CACHED_TURN = [
    {
        "role": "user",
        "content": [
            {
                "type": "text",
                "text": "A long text that is read again and again. " * 400,
                "cache_control": {"type": "ephemeral"},
            }
        ],
    }
]


@pytest.fixture(autouse=True)
def local_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``httpx.get`` returns for the addresses in the tests."""

    def get(url: str, **_: Any) -> httpx.Response:
        name = "document.pdf" if url.endswith(".pdf") else "picture.png"
        return httpx.Response(200, content=Path(name).read_bytes())

    monkeypatch.setattr(httpx, "get", get)


class TestChatAnthropic(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatAnthropic

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": MODEL, "base_url": os.environ["PROXY_URL"]}

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "claude-opus-4-5-20251101"

    @property
    def supported_usage_metadata_details(
        self,
    ) -> dict[Literal["invoke", "stream"], list[Detail]]:
        details: list[Detail] = ["cache_read_input", "cache_creation_input"]
        return {"invoke": details, "stream": details}

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        return self._answer(stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        self._answer(stream)
        return self._answer(stream)

    def _answer(self, stream: bool) -> AIMessage:
        model = self.chat_model_class(**self.chat_model_params)
        if not stream:
            return cast(AIMessage, model.invoke(CACHED_TURN))
        first, *others = model.stream(CACHED_TURN)
        for chunk in others:
            first = first + chunk
        return cast(AIMessage, first)
