"""Vertex AI's OpenAI endpoint: Gemini as at Google's own host; other models without flags.

The path holds project and location (``/v1/projects/.../endpoints/openapi``), so the URL must have it.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Vendor, rule
from proxy.providers.profiles.gemini import GEMINI

VERTEX = Vendor(
    name="vertex",
    hosts={".googleapis.com": "/v1"},
    models=(rule("gemini-.*", **GEMINI.flags), *GEMINI.models),
)
