"""Azure OpenAI and Azure AI Foundry: OpenAI's models as deployments, the key in ``api-key``.

Older ``api-version`` values support neither the role ``developer`` nor PDF parts, so the role stays
``system`` (Azure treats both alike) and PDFs are sent as text.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor, rule
from proxy.providers.profiles.openai import ONLY_RESPONSES, PHASES, RESPONSES, SLOW
from proxy.providers.profiles.schema_dialects import OPENAI_STEPS

AZURE = Vendor(
    name="azure",
    hosts={
        ".openai.azure.com": "/openai/v1",
        ".openai.azure.cn": "/openai/v1",
        ".openai.azure.us": "/openai/v1",
        ".cognitiveservices.azure.com": "/openai/v1",
        ".api.cognitive.microsoft.com": "/openai/v1",
        ".services.ai.azure.com": "/openai/v1",
    },
    start=Start(
        title="Azure OpenAI, AI Foundry",
        base_urls=(),
        key_variable="AZURE_OPENAI_API_KEY",
        url_form="https://RESOURCE.openai.azure.com/openai/v1",
        note="Azure lists what can be deployed. Type the names of your deployments.",
    ),
    flags={
        "text_tool_calls": False,
        "token_field": "max_completion_tokens",
        "mid_system": "inline",
        "strict_tools": True,
        "tool_id_chars": 40,
        "schema_steps": OPENAI_STEPS,
        "max_tools": 128,
        "cache_key": True,
        "prefill_items": "error",
    },
    responses=RESPONSES,
    models=(
        rule(ONLY_RESPONSES, api="responses"),
        rule(PHASES, phase=True),
        rule(SLOW, stream_only=True),
        # Its own ids contain the tool's name, and it stops calling tools when they come back cut.
        rule(r"(.*[-_.])?kimi.*", tool_id_chars=None),
    ),
    credential="api-key",
)
