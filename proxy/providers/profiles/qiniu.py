"""Qiniu: an aggregator without flags.

Different systems may serve the same model name, so only the flags of the model's family apply
(families.py).
"""

from __future__ import annotations

from proxy.providers.profiles.base import Vendor

QINIU = Vendor(
    name="qiniu",
    hosts={
        ".qnaigc.com": "/v1",
        "openai.qiniu.com": "/v1",
        "openai.sufy.com": "/v1",
    },
)
