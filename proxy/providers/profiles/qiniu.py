"""Qiniu: an aggregator without flags.

Different systems may serve the same model name, so only the flags of the model's family apply
(families.py).
"""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor

QINIU = Vendor(
    name="qiniu",
    hosts={
        ".qnaigc.com": "/v1",
        "openai.qiniu.com": "/v1",
        "openai.sufy.com": "/v1",
    },
    start=Start(
        title="Qiniu",
        base_urls=("https://api.qnaigc.com/v1", "https://openai.sufy.com/v1"),
        key_variable="QINIU_API_KEY",
        big=(r"deepseek-v[\d.]+-pro", r"glm-[\d.]+", r"kimi-k[\d.]+", r"deepseek-v[\d.]+"),
        small=(r"deepseek-v[\d.]+-flash", r"glm-[\d.]+-(air|flash)"),
    ),
)
