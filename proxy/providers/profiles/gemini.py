"""Gemini's OpenAI endpoint: fewer JSON Schema keywords, effort for the models that think, thought
signatures that must be sent back with their tool calls.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Vendor, rule

GEMINI = Vendor(
    name="gemini",
    hosts={"generativelanguage.googleapis.com": "/v1beta/openai"},
    flags={
        "extra_content": True,
        "schema_drop": (
            "$schema",
            "$id",
            "$comment",
            "additionalProperties",
            "unevaluatedProperties",
            "patternProperties",
            "propertyNames",
            "exclusiveMinimum",
            "exclusiveMaximum",
        ),
    },
    models=(
        rule(r"gemini-(1|2\.0).*", max_output=8192),
        rule(r"gemini-(2\.5|[3-9]|flash|pro).*", thinking_style="effort"),
        # These refuse a call without a signature, such as one that another model made.
        rule(r"gemini-([3-9]|flash|pro).*", history_shapes=("signed_calls",)),
        rule(r"gemini-2\.5-flash(-lite)?", efforts=("none", "low", "medium", "high")),
        rule("gemini-.*-(image|tts|live|audio).*", thinking_style="none"),
    ),
)
