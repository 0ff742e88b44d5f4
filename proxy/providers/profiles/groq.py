"""Groq: refuses unknown fields; JSON Schema output and long outputs on some models only."""

from __future__ import annotations

from proxy.providers.profiles.base import Vendor, rule

GROQ = Vendor(
    name="groq",
    hosts={"api.groq.com": "/openai/v1"},
    flags={"structured": "json_object", "think_tags": True},
    models=(
        rule("gpt-oss.*|kimi-k2.*|llama-4.*", structured="json_schema"),
        rule("gpt-oss.*", max_output=65536),
        rule("qwen3-32b", max_output=40960),
        rule(r"llama-3\.3-70b-versatile", max_output=32768),
        rule("kimi-k2-instruct", max_output=16384),
        rule("llama-4-.*", max_output=8192),
    ),
)
