"""Groq: refuses unknown fields; JSON Schema output and long outputs on some models only."""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor, rule

GROQ = Vendor(
    name="groq",
    hosts={"api.groq.com": "/openai/v1"},
    start=Start(
        title="Groq",
        base_urls=("https://api.groq.com/openai/v1",),
        key_variable="GROQ_API_KEY",
        big=("gpt-oss-120b", "kimi-k2-instruct.*", r"llama-[\d.]+-70b-versatile"),
        small=("gpt-oss-20b", r"llama-[\d.]+-8b-instant"),
    ),
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
