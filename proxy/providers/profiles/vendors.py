"""The list of vendors. A new vendor needs a module in this package and an entry here."""

from __future__ import annotations

from proxy.providers.profiles.ark import ARK
from proxy.providers.profiles.azure import AZURE
from proxy.providers.profiles.base import Start, Vendor
from proxy.providers.profiles.deepseek import DEEPSEEK
from proxy.providers.profiles.gemini import GEMINI
from proxy.providers.profiles.glm import GLM
from proxy.providers.profiles.groq import GROQ
from proxy.providers.profiles.llamacpp import LLAMACPP
from proxy.providers.profiles.minimax import MINIMAX
from proxy.providers.profiles.mistral import MISTRAL
from proxy.providers.profiles.moonshot import MOONSHOT
from proxy.providers.profiles.ollama import OLLAMA
from proxy.providers.profiles.openai import OPENAI
from proxy.providers.profiles.openrouter import OPENROUTER
from proxy.providers.profiles.qiniu import QINIU
from proxy.providers.profiles.qwen import QWEN
from proxy.providers.profiles.vertex import VERTEX
from proxy.providers.profiles.vllm import VLLM
from proxy.providers.profiles.xai import XAI

PROFILES: tuple[Vendor, ...] = (
    OPENAI,
    AZURE,
    DEEPSEEK,
    QWEN,
    MOONSHOT,
    GLM,
    MINIMAX,
    OPENROUTER,
    GEMINI,
    VERTEX,
    GROQ,
    MISTRAL,
    OLLAMA,
    VLLM,
    LLAMACPP,
    ARK,
    XAI,
    QINIU,
)
UNKNOWN = Vendor(
    name="default",
    hosts={},
    start=Start(
        title="other",
        base_urls=(),
        key_variable=None,
        url_form="https://HOST/v1",
    ),
)
"""The vendor of every other host: docs/protocol.md's defaults and the rules of the model's family."""


def starts() -> dict[str, Start]:
    """What ``claude-proxy init`` proposes for each vendor, by the vendor's name.

    ``base_urls[0]`` is the usual base URL and ``key_variable`` the usual variable of the key.
    """
    return {vendor.name: vendor.start for vendor in PROFILES}
