"""Qiniu: an aggregator without a dialect of its own.

The same name may be served by different makers' systems, so only what is true of a model
everywhere (families.py) is assumed.
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
