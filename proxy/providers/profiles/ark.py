"""Doubao on Volcengine Ark and BytePlus ModelArk: some models have a switch for thinking."""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor, rule

ARK = Vendor(
    name="ark",
    hosts={
        "ark.cn-beijing.volces.com": "/api/v3",
        ".volces.com": "/api/v3",
        "ark.ap-southeast.bytepluses.com": "/api/v3",
        ".bytepluses.com": "/api/v3",
    },
    start=Start(
        title="Doubao (Volcengine Ark)",
        base_urls=(
            "https://ark.cn-beijing.volces.com/api/v3",
            "https://ark.ap-southeast.bytepluses.com/api/v3",
        ),
        key_variable="ARK_API_KEY",
        big=(r"doubao-seed-\d-\d-pro-\d{6}", r"doubao-seed-code-.*", r"doubao-seed-\d-\d-\d{6}"),
        small=(r"doubao-seed-\d-\d-(lite|flash|mini)-\d{6}",),
    ),
    flags={"text_tool_calls": False},
    models=(
        rule("doubao-seed-(?!.*thinking).*|deepseek-v(3-[12]|4).*", thinking_style="toggle"),
        rule("doubao-seed-translation.*", thinking_style="none"),
    ),
)
