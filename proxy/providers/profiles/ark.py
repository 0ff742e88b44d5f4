"""Doubao on Volcengine Ark and BytePlus ModelArk: some models have a switch for thinking."""

from __future__ import annotations

from proxy.providers.profiles.base import Vendor, rule

ARK = Vendor(
    name="ark",
    hosts={
        "ark.cn-beijing.volces.com": "/api/v3",
        ".volces.com": "/api/v3",
        "ark.ap-southeast.bytepluses.com": "/api/v3",
        ".bytepluses.com": "/api/v3",
    },
    flags={"text_tool_calls": False},
    models=(
        rule("doubao-seed-(?!.*thinking).*|deepseek-v(3-[12]|4).*", thinking_style="toggle"),
        rule("doubao-seed-translation.*", thinking_style="none"),
    ),
)
