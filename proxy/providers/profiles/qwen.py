"""Qwen on DashScope (Alibaba Model Studio) and ModelScope.

Thinking requires streaming and excludes a forced tool. Models that always or never think refuse
``enable_thinking``, so it is sent only to models that can do both.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor, rule

QWEN = Vendor(
    name="qwen",
    hosts={
        "dashscope.aliyuncs.com": "/compatible-mode/v1",
        "dashscope-intl.aliyuncs.com": "/compatible-mode/v1",
        "dashscope-us.aliyuncs.com": "/compatible-mode/v1",
        ".dashscope.aliyuncs.com": "/compatible-mode/v1",
        ".maas.aliyuncs.com": "/compatible-mode/v1",
        "coding.dashscope.aliyuncs.com": "/v1",
        "coding-intl.dashscope.aliyuncs.com": "/v1",
        "api-inference.modelscope.cn": "/v1",
    },
    responses_paths=dict.fromkeys(
        (
            "dashscope.aliyuncs.com",
            "dashscope-intl.aliyuncs.com",
            "dashscope-us.aliyuncs.com",
            ".dashscope.aliyuncs.com",
            ".maas.aliyuncs.com",
        ),
        "/api/v2/apps/protocols/compatible-mode/v1",
    ),
    start=Start(
        title="Qwen (Alibaba Model Studio)",
        base_urls=(
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "https://dashscope-us.aliyuncs.com/compatible-mode/v1",
            "https://coding-intl.dashscope.aliyuncs.com/v1",
            "https://coding.dashscope.aliyuncs.com/v1",
            "https://api-inference.modelscope.cn/v1",
        ),
        key_variable="DASHSCOPE_API_KEY",
        big=(r"qwen[\d.]*-max", r"qwen[\d.]+-plus", "qwen3-coder-plus"),
        middle=(r"qwen[\d.]+-plus", "qwen3-coder-plus", "qwen-plus"),
        small=(r"qwen[\d.]+-flash", "qwen3-coder-flash", "qwen-flash", "qwen-turbo"),
    ),
    flags={"text_tool_calls": False, "forced_choice_stops_thinking": True},
    models=(
        rule(
            r"qwen-(plus|flash|turbo)|qwen3-\d+(\.\d+)?b(-a\d+b)?|qwen3-max-(preview|2026.*)"
            r"|qwen3-vl-(plus|flash)|qwen3\.[5-9]-(?!.*(instruct|thinking|coder|omni)).*"
            r"|deepseek-v(3\.[12]|4).*|glm-(4\.[5-7]|5(\.[12])?)|kimi-k2\.[56]",
            thinking_style="qwen",
            stream_only=True,
        ),
        rule(r"qwq.*|qvq.*|qwen3.*-thinking|deepseek-r1.*|kimi-k2-thinking", stream_only=True),
    ),
)
