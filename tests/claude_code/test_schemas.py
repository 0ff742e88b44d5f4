"""The schemas of the tools that Claude Code declares pass the rules of each service."""

from __future__ import annotations

from typing import Any

from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.providers.profiles import profile_for
from tests.claude_code.client import ClaudeCode
from tests.claude_code.samples import DONE, assert_succeeded
from tests.claude_code.strict_upstream import StrictUpstream, steps
from tests.convert.request.schema.service_rules import RULES

HOST_FOR_SERVICE = {
    "openai": "api.openai.com",
    "gemini": "generativelanguage.googleapis.com",
    "moonshot": "api.moonshot.ai",
    "mistral": "api.mistral.ai",
    "llamacpp": "localhost:8080",
    "bedrock": "gateway.example.com",
}


def test_the_tools_of_the_client(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    upstream.play(steps(DONE))
    assert_succeeded(claude.run("say done"))
    declared = [tool["function"] for tool in upstream.accepted[-1]["tools"]]
    assert len(declared) > 10
    tools = [{"name": each["name"], "input_schema": each["parameters"]} for each in declared]
    request = {"messages": [{"role": "user", "content": "hi"}], "tools": tools}
    complaints: dict[str, Any] = {}
    for service, host in HOST_FOR_SERVICE.items():
        profile = profile_for(host, "m")
        body = message_request_to_chat(request, profile, model="m", max_tokens=100).body
        for tool in body["tools"]:
            found = RULES[service](tool["function"].get("parameters"))
            if found:
                complaints[f"{service} {tool['function']['name']}"] = found
    assert complaints == {}
