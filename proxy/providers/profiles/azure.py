"""Azure OpenAI and Azure AI Foundry: OpenAI's models as deployments, the key in ``api-key``.

Older ``api-version`` values support neither the role ``developer`` nor PDF parts, so the role stays
``system`` (Azure treats both alike) and PDFs are sent as text.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Vendor

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
    flags={
        "token_field": "max_completion_tokens",
        "mid_system": "inline",
        "strict_tools": True,
        "max_tools": 128,
    },
    credential="api-key",
)
