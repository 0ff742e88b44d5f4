"""What each vendor is sent, and at which host, path and key (docs/providers.md).

``SENT_TO_VENDOR`` states what every model of a vendor gets in another way than a plain upstream,
``MODELS`` what a model gets in addition.
"""

from __future__ import annotations

from typing import Any

import pytest

from proxy.providers.profiles import base_path_for, credential_header, profile_for
from proxy.relay.chat.count import COUNT_ENDPOINTS
from tests.providers.profiles.wire import KEYWORDS, PLAIN, differences, graded, sent, switched

HOST_FOR_VENDOR = {
    "openai": "api.openai.com",
    "azure": "mine.openai.azure.com",
    "deepseek": "api.deepseek.com",
    "qwen": "dashscope.aliyuncs.com",
    "moonshot": "api.moonshot.cn",
    "glm": "open.bigmodel.cn",
    "minimax": "api.minimax.io",
    "openrouter": "openrouter.ai",
    "gemini": "generativelanguage.googleapis.com",
    "vertex": "us-central1-aiplatform.googleapis.com",
    "groq": "api.groq.com",
    "mistral": "api.mistral.ai",
    "ollama": "localhost:11434",
    "vllm": "localhost:8000",
    "llamacpp": "localhost:8080",
    "ark": "ark.cn-beijing.volces.com",
    "qiniu": "api.qnaigc.com",
    "xai": "api.x.ai",
}
BLIND = {"image": False}
DEVELOPER = {"system": "developer", "late_system": "developer"}
NO_SAMPLING: dict[str, Any] = {"sampling": []}
OWN_PARSER: dict[str, object] = {"text_calls": False}
"""Makers' own APIs know the calls of their models; in the text there are only quotations."""
TOP_K = {"sampling": ["temperature", "top_p", "top_k"]}
GRADED: dict[str, Any] = {
    "thinking": graded("high", "low"),
    "efforts": "low medium high high high",
}
UNSIGNED = {"unsigned_call": {"google": {"thought_signature": "skip_thought_signature_validator"}}}
TOGGLED_ON = {"thinking": {"type": "enabled"}}
TOGGLED_OFF = {"thinking": {"type": "disabled"}}
TOGGLE = {"thinking": switched(TOGGLED_ON, TOGGLED_OFF)}
TOOL_STREAM: dict[str, object] = {"tool_stream": True}
TOGGLE_BUT_FORCED = {"thinking": switched(TOGGLED_ON, TOGGLED_OFF, forced=TOGGLED_OFF)}
QWEN_ON = {"enable_thinking": True, "thinking_budget": 20000}
QWEN_OFF = {"enable_thinking": False}
QWEN_HYBRID = {
    "thinking": switched(QWEN_ON, QWEN_OFF, forced=QWEN_OFF),
    "always_streams": True,
}
DEPLOYMENT = "/openai/deployments/prod/chat/completions"

SENT_TO_VENDOR: dict[str, dict[str, object]] = {
    "openai": {**OWN_PARSER, "limit": {"max_completion_tokens": 987_654}, "late_system": "system", "tier": "default", "pdf": True, "strict": True, "tool_count": 128},
    "azure": {**OWN_PARSER, "limit": {"max_completion_tokens": 987_654}, "late_system": "system", "strict": True, "tool_count": 128},
    "deepseek": {**OWN_PARSER, **TOGGLE_BUT_FORCED, "stop": 16, "format": "json_object", "history": "reasoning_content"},
    "qwen": OWN_PARSER,
    "moonshot": {**OWN_PARSER, "history": "reasoning_content", "schema": ["exclusiveMinimum", "exclusiveMaximum"], "agent": "client"},
    "glm": {**OWN_PARSER, "stop": 1, "format": "json_object", "history": "reasoning_content", "choices": (None, None, "no tools")},
    "minimax": {**OWN_PARSER, "format": None, "history": "reasoning_content", "think_tags": True},
    "openrouter": {**TOP_K, "late_system": "system", "pdf": True, "history": "reasoning_details", "web_search": "plugins", "thinking": switched({"reasoning": {"max_tokens": 20000}}, {"reasoning": {"enabled": False}}), "efforts": "low medium high high high"},
    "gemini": {**OWN_PARSER, "call_state": {"google": {"thought_signature": "s"}}, "schema": ["$schema", "$id", "$comment", "additionalProperties", "unevaluatedProperties", "patternProperties", "propertyNames", "exclusiveMinimum", "exclusiveMaximum"]},
    "vertex": {},
    "groq": {"format": "json_object", "think_tags": True},
    "mistral": {**OWN_PARSER, "prefill": {"prefix": True}, "tool_id": 9, "stream_usage": False, "schema": ["$schema", "$id"], "behind_result": "tool"},
    "ollama": {**TOP_K, "choices": (None, None, "no tools"), "think_tags": True},
    "vllm": {**TOP_K, "prefill": {"continue_final_message": True, "add_generation_prompt": False}, "think_tags": True},
    "llamacpp": {**TOP_K, "choices": ("required", "required", "none"), "think_tags": True},
    "ark": OWN_PARSER,
    "qiniu": {},
    "xai": OWN_PARSER,
}  # fmt: skip


EVERY_MODEL = [
    pytest.param("openai", "api.openai.com", "some-model", "", id="openai: an unknown model"),
    pytest.param("openai", "eu.api.openai.com", "some-model", "", id="openai: a region"),
    pytest.param("openai", "api.openai.com:443", "some-model", "", id="openai: a port"),
    pytest.param("azure", "mine.openai.azure.com", "my-deployment", "", id="azure: edge 145 Azure OpenAI"),
    pytest.param("azure", "mine.cognitiveservices.azure.com", "my-deployment", "", id="azure: edge 145 AI services"),
    pytest.param("azure", "mine.services.ai.azure.com", "my-deployment", "", id="azure: edge 145 AI Foundry"),
    pytest.param("azure", "mine.openai.azure.us", "my-deployment", "", id="azure: edge 145 another cloud"),
    pytest.param("azure", "llm.example.com", "my-deployment", DEPLOYMENT, id="azure: edge 145 a deployment path anywhere"),
    pytest.param("deepseek", "api.deepseek.com", "deepseek-v4-pro", "", id="deepseek: deepseek-v4-pro"),
    pytest.param("deepseek", "api.deepseek.com", "deepseek-flash", "", id="deepseek: deepseek-flash"),
    pytest.param("deepseek", "api.deepseek.com", "some-model", "", id="deepseek: some-model"),
    pytest.param("qwen", "dashscope.aliyuncs.com", "qwen-max", "", id="qwen: a model that never thinks"),
    pytest.param("qwen", "dashscope.aliyuncs.com", "qwen3-max", "", id="qwen: its successor"),
    pytest.param("qwen", "dashscope.aliyuncs.com", "qwen3.5-397b-a17b-instruct", "", id="qwen: instruct"),
    pytest.param("qwen", "dashscope-intl.aliyuncs.com", "some-model", "", id="qwen: an unknown model"),
    pytest.param("qwen", "ws1.cn-beijing.maas.aliyuncs.com", "some-model", "", id="qwen: a workspace"),
    pytest.param("qwen", "coding.dashscope.aliyuncs.com", "some-model", "", id="qwen: the coding plan"),
    pytest.param("qwen", "api-inference.modelscope.cn", "some-model", "", id="qwen: ModelScope"),
    pytest.param("moonshot", "api.moonshot.cn", "moonshot-v1-128k", "", id="moonshot: the older series keeps sampling"),
    pytest.param("moonshot", "api.moonshot.ai", "some-model", "", id="moonshot: the international host"),
    pytest.param("moonshot", "api.kimi.com", "some-model", "", id="moonshot: the coding plan"),
    pytest.param("glm", "open.bigmodel.cn", "glm-4-flash-250414", "", id="glm: a model that never thinks"),
    pytest.param("glm", "api.z.ai", "some-model", "", id="glm: the international host"),
    pytest.param("minimax", "api.minimax.io", "some-model", "", id="minimax: api.minimax.io"),
    pytest.param("minimax", "api.minimaxi.com", "some-model", "", id="minimax: api.minimaxi.com"),
    pytest.param("minimax", "api.minimax.chat", "some-model", "", id="minimax: api.minimax.chat"),
    pytest.param("openrouter", "openrouter.ai", "some/model", "", id="openrouter: some/model"),
    pytest.param("openrouter", "openrouter.ai", "qwen/qwen4-coder:nitro", "", id="openrouter: qwen/qwen4-coder:nitro"),
    pytest.param("gemini", "generativelanguage.googleapis.com", "gemma-4-26b-a4b-it", "", id="gemini: gemma-4-26b-a4b-it"),
    pytest.param("gemini", "generativelanguage.googleapis.com", "some-model", "", id="gemini: some-model"),
    pytest.param("gemini", "generativelanguage.googleapis.com", "gemini-2.5-flash-image", "", id="gemini: gemini-2.5-flash-image"),
    pytest.param("groq", HOST_FOR_VENDOR["groq"], "some-model", "", id="groq: any model"),
    pytest.param("vertex", "us-central1-aiplatform.googleapis.com", "some-model", "", id="vertex: some-model"),
    pytest.param("vertex", "aiplatform.googleapis.com", "deepseek-ai/deepseek-v3.2-maas", "", id="vertex: another vendor's model"),
    pytest.param("mistral", "api.mistral.ai", "some-model", "", id="mistral: some-model at api.mistral.ai"),
    pytest.param("mistral", "api.mistral.ai", "mistral-large-latest", "", id="mistral: mistral-large-latest at api.mistral.ai"),
    pytest.param("mistral", "api.mistral.ai", "magistral-medium-latest", "", id="mistral: magistral-medium-latest at api.mistral.ai"),
    pytest.param("mistral", "codestral.mistral.ai", "some-model", "", id="mistral: some-model at codestral.mistral.ai"),
    pytest.param("mistral", "codestral.mistral.ai", "mistral-large-latest", "", id="mistral: mistral-large-latest at codestral.mistral.ai"),
    pytest.param("mistral", "codestral.mistral.ai", "magistral-medium-latest", "", id="mistral: magistral-medium-latest at codestral.mistral.ai"),
    pytest.param("ollama", "localhost:11434", "some-model", "", id="ollama: this machine"),
    pytest.param("ollama", "127.0.0.1:11434", "some-model", "", id="ollama: by address"),
    pytest.param("ollama", "[::1]:11434", "some-model", "", id="ollama: by IPv6 address"),
    pytest.param("ollama", "192.168.1.7:11434", "some-model", "", id="ollama: the next machine"),
    pytest.param("ollama", "gpu-box:11434", "some-model", "", id="ollama: a name of the local network"),
    pytest.param("ollama", "host.docker.internal:11434", "some-model", "", id="ollama: from a container"),
    pytest.param("ollama", "ollama", "some-model", "", id="ollama: a service of that name"),
    pytest.param("ollama", "ollama:8080", "some-model", "", id="ollama: the name goes before the port"),
    pytest.param("ollama", "ollama.com", "some-model", "", id="ollama: the cloud"),
    pytest.param("vllm", "localhost:8000", "some-model", "", id="vllm: localhost:8000"),
    pytest.param("vllm", "10.0.0.5:30000", "some-model", "", id="vllm: 10.0.0.5:30000"),
    pytest.param("vllm", "vllm", "some-model", "", id="vllm: vllm"),
    pytest.param("vllm", "sglang:9000", "some-model", "", id="vllm: sglang:9000"),
    pytest.param("llamacpp", "localhost:8080", "some-model", "", id="llamacpp: localhost:8080"),
    pytest.param("llamacpp", "127.0.0.1:1234", "some-model", "", id="llamacpp: 127.0.0.1:1234"),
    pytest.param("llamacpp", "llama-server", "some-model", "", id="llamacpp: llama-server"),
    pytest.param("llamacpp", "lm-studio", "some-model", "", id="llamacpp: lm-studio"),
    pytest.param("ark", "ark.cn-beijing.volces.com", "ep-20260101000000-abcde", "", id="ark: an endpoint tells no model"),
    pytest.param("ark", "ark.cn-beijing.volces.com", "doubao-1-5-pro-32k-250115", "", id="ark: a model that never thinks"),
    pytest.param("ark", "ark.cn-beijing.volces.com", "doubao-seed-1-6-thinking-250715", "", id="ark: one that always does"),
    pytest.param("ark", "ark.cn-beijing.volces.com", "doubao-seed-translation-250915", "", id="ark: a translator"),
    pytest.param("ark", "ark.ap-southeast.bytepluses.com", "some-model", "", id="ark: BytePlus"),
    pytest.param("qiniu", "api.qnaigc.com", "some-model", "", id="qiniu: api.qnaigc.com"),
    pytest.param("qiniu", "openai.qiniu.com", "some-model", "", id="qiniu: openai.qiniu.com"),
    pytest.param("qiniu", "openai.sufy.com", "some-model", "", id="qiniu: openai.sufy.com"),
    pytest.param("xai", "api.x.ai", "some-model", "", id="xai: api.x.ai"),
    pytest.param("xai", "us-east-1.api.x.ai", "grok-3", "", id="xai: a region, and a model that does not reason"),
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "host", "model", "path"), EVERY_MODEL)
def test_every_model(vendor: str, host: str, model: str, path: str) -> None:
    assert differences(host, model, path=path) == SENT_TO_VENDOR[vendor]
    assert profile_for(host, model, path=path).name == vendor


MODELS = [
    pytest.param("openai", "gpt-4o", {"limit": {"max_completion_tokens": 16384}}, id="openai: 1.1 gpt-4o keeps sampling and stop"),
    pytest.param("openai", "o3", {**DEVELOPER, **GRADED, **NO_SAMPLING, "limit": {"max_completion_tokens": 100_000}, "stop": 0, "parallel": None}, id="openai: edge 149 o3: developer, no temperature, no stop"),
    pytest.param("openai", "gpt-5", {**DEVELOPER, **NO_SAMPLING, "limit": {"max_completion_tokens": 128_000}, "stop": 0, "thinking": graded("high", "minimal"), "efforts": "low medium high high high"}, id="openai: edge 149 gpt-5"),
    pytest.param("openai", "gpt-5.5", {**DEVELOPER, **NO_SAMPLING, "limit": {"max_completion_tokens": 128_000}, "stop": 0, "thinking": graded("high", "none", tool="none"), "efforts": "low medium high xhigh xhigh"}, id="openai: edge 149 gpt-5.4 and later take tools only without reasoning"),
    pytest.param("openai", "gpt-6-sol", {**DEVELOPER, **NO_SAMPLING, "stop": 0, "cache": "prompt_cache_breakpoint", "thinking": graded("high", "low", tool="none"), "efforts": "low medium high xhigh max"}, id="openai: 1.1 gpt-5.6 and later take cache breakpoints"),
    pytest.param("azure", "gpt-5", {**NO_SAMPLING, "limit": {"max_completion_tokens": 128_000}, "stop": 0, "thinking": graded("high", "minimal"), "efforts": "low medium high high high"}, id="azure: 1.1 gpt-5 keeps the system role, older API versions know no developer"),
    pytest.param("azure", "gpt-35-turbo", {**BLIND, "limit": {"max_completion_tokens": 4096}, "format": "json_object"}, id="azure: 1.1 gpt-35-turbo"),
    pytest.param("deepseek", "deepseek-chat", {**BLIND, "limit": {"max_tokens": 8192}}, id="deepseek: 1.1 deepseek-chat 8192"),
    pytest.param("deepseek", "deepseek-reasoner", BLIND, id="deepseek: edge 142 deepseek-reasoner"),
    pytest.param("qwen", "qwen-plus", QWEN_HYBRID, id="qwen: edge 143 qwen-plus thinks on demand"),
    pytest.param("qwen", "qwen-plus-2025-12-01", QWEN_HYBRID, id="qwen: edge 143 a dated qwen-plus"),
    pytest.param("qwen", "qwen-flash", QWEN_HYBRID, id="qwen: edge 143 qwen-flash"),
    pytest.param("qwen", "qwen3.8-max", QWEN_HYBRID, id="qwen: edge 143 Qwen3.5 and later"),
    pytest.param("qwen", "qwen3-vl-plus", QWEN_HYBRID, id="qwen: edge 143 Qwen3 VL"),
    pytest.param("qwen", "qwen3-max-preview", QWEN_HYBRID, id="qwen: edge 143 Qwen3 Max preview"),
    pytest.param("qwen", "Qwen/Qwen3-32B", {**BLIND, **QWEN_HYBRID}, id="qwen: edge 143 open weights"),
    pytest.param("qwen", "glm-4.7", {**BLIND, **QWEN_HYBRID}, id="qwen: edge 143 GLM hosted there"),
    pytest.param("qwen", "deepseek-v3.2", {**BLIND, **QWEN_HYBRID}, id="qwen: edge 143 DeepSeek hosted there"),
    pytest.param("qwen", "kimi-k2.5", QWEN_HYBRID, id="qwen: edge 143 Kimi hosted there"),
    pytest.param("qwen", "qwen3-coder-plus", BLIND, id="qwen: 1.4 a model that never thinks gets no field"),
    pytest.param("qwen", "qwen3-30b-a3b-instruct-2507", BLIND, id="qwen: 1.4 nor does instruct"),
    pytest.param("qwen", "Qwen/Qwen3-235B-A22B-Thinking-2507", {**BLIND, "always_streams": True}, id="qwen: 10.9 a model that always thinks only streams"),
    pytest.param("qwen", "qwq-plus", {**BLIND, "always_streams": True, "think_tags": True}, id="qwen: 10.9 QwQ only streams"),
    pytest.param("qwen", "qvq-max", {"always_streams": True}, id="qwen: 10.9 QVQ only streams"),
    pytest.param("qwen", "deepseek-r1-0528", {**BLIND, "always_streams": True, "think_tags": True}, id="qwen: 10.9 DeepSeek R1 there"),
    pytest.param("moonshot", "kimi-k2-0905-preview", BLIND, id="moonshot: 1.4 a model that never thinks"),
    pytest.param("moonshot", "kimi-k2-thinking", BLIND, id="moonshot: 1.4 one that always does"),
    pytest.param("moonshot", "kimi-k2.5", {**TOGGLE_BUT_FORCED, **NO_SAMPLING}, id="moonshot: 1.4 kimi-k2.5 toggles, its sampling is fixed"),
    pytest.param("moonshot", "kimi-k2.7-code", NO_SAMPLING, id="moonshot: 1.4 kimi-k2.7-code always thinks"),
    pytest.param("moonshot", "kimi-k3", {**NO_SAMPLING, "thinking": graded("high", "low", forced="low"), "efforts": "low low high high max"}, id="moonshot: 1.4 kimi-k3 grades"),
    pytest.param("glm", "glm-4.6", {**BLIND, **TOGGLE, **TOOL_STREAM}, id="glm: 1.4 GLM 4.5 and later"),
    pytest.param("glm", "glm-5.2", {**BLIND, **TOGGLE, **TOOL_STREAM}, id="glm: 1.4 GLM 5 toggles"),
    pytest.param("glm", "glm-5.3", {**BLIND, **TOOL_STREAM, "thinking": graded("high", "low"), "efforts": "low low high high max"}, id="glm: edge 153 GLM 5.3 always thinks: none becomes low"),
    pytest.param("glm", "glm-4.5v", {**TOGGLE, "limit": {"max_tokens": 16384}}, id="glm: 1.1 GLM 4.5V"),
    pytest.param("glm", "glm-4.6v-flash", {**TOGGLE, **TOOL_STREAM, "limit": {"max_tokens": 32768}}, id="glm: 1.1 GLM 4.6V"),
    pytest.param("minimax", "MiniMax-M2.5-highspeed", BLIND, id="minimax: the older models see nothing"),
    pytest.param("openrouter", "google/gemini-3-pro", OWN_PARSER, id="openrouter: google/gemini-3-pro"),
    pytest.param("openrouter", "x-ai/grok-5:nitro", OWN_PARSER, id="openrouter: x-ai/grok-5:nitro"),
    pytest.param("openrouter", "anthropic/claude-sonnet-4.5", {**OWN_PARSER, "cache": "cache_control"}, id="openrouter: edge 144 anthropic/*"),
    pytest.param("openrouter", "Anthropic/Claude-Opus-4.8:beta", {**OWN_PARSER, "cache": "cache_control"}, id="openrouter: edge 144 tag and case"),
    pytest.param("openrouter", "claude-sonnet-4.5", {}, id="openrouter: edge 144 only behind the vendor's prefix"),
    pytest.param("openrouter", "other/anthropic", {}, id="openrouter: edge 144 not as a model's name"),
    pytest.param("openrouter", "openai/gpt-5", {**OWN_PARSER, "limit": {"max_completion_tokens": 128_000}, "stop": 0, "sampling": ["top_k"]}, id="openrouter: 1.1 gpt-5* everywhere; its reasoning in OpenRouter's form"),
    pytest.param("openrouter", "deepseek/deepseek-chat", BLIND, id="openrouter: 1.1 DeepSeek's cap is not OpenRouter's"),
    pytest.param("gemini", "gemini-2.0-flash", {"limit": {"max_tokens": 8192}}, id="gemini: 1.1 gemini-2.0 8192"),
    pytest.param("gemini", "gemini-1.5-pro", {"limit": {"max_tokens": 8192}}, id="gemini: 1.1 gemini-1.5 8192"),
    pytest.param("gemini", "gemini-2.5-pro", GRADED, id="gemini: 1.4 always thinks"),
    pytest.param("gemini", "models/gemini-2.5-flash", {"thinking": graded("high", "none"), "efforts": "low medium high high high"}, id="gemini: 1.4 gemini-2.5-flash can be told not to think"),
    pytest.param("gemini", "gemini-3.8-flash", {**GRADED, **UNSIGNED}, id="gemini: 1.4 gemini-3"),
    pytest.param("gemini", "gemini-pro-latest", {**GRADED, **UNSIGNED}, id="gemini: 1.4 latest"),
    pytest.param("groq", "openai/gpt-oss-120b", {**BLIND, **GRADED, "limit": {"max_tokens": 65536}, "format": "json_schema"}, id="groq: 1.4 gpt-oss"),
    pytest.param("groq", "llama-3.3-70b-versatile", {**BLIND, "limit": {"max_tokens": 32768}}, id="groq: 1.1 Llama 3.3"),
    pytest.param("groq", "moonshotai/kimi-k2-instruct-0905", {**BLIND, "limit": {"max_tokens": 16384}, "format": "json_schema"}, id="groq: 1.1 Kimi K2"),
    pytest.param("groq", "meta-llama/llama-4-scout-17b-16e-instruct", {"limit": {"max_tokens": 8192}, "format": "json_schema"}, id="groq: 1.1 Llama 4"),
    pytest.param("groq", "qwen/qwen3-32b", {**BLIND, "limit": {"max_tokens": 40960}}, id="groq: 1.1 Qwen3"),
    pytest.param("ollama", "gpt-oss:120b", {**BLIND, **GRADED}, id="ollama: gpt-oss reasons there too"),
    pytest.param("ark", "doubao-seed-1-6-250615", TOGGLE, id="ark: hybrid doubao-seed-1-6-250615"),
    pytest.param("ark", "doubao-seed-2-0-pro-260215", TOGGLE, id="ark: hybrid doubao-seed-2-0-pro-260215"),
    pytest.param("ark", "deepseek-v3-2-251201", TOGGLE, id="ark: hybrid deepseek-v3-2-251201"),
    pytest.param("qiniu", "deepseek-v3", BLIND, id="qiniu: 10.3 no reasoning goes back"),
    pytest.param("qiniu", "gpt-4o", {"limit": {"max_tokens": 16384}}, id="qiniu: 1.1 a cap of the model itself"),
    pytest.param("qiniu", "deepseek/deepseek-v4-pro", {}, id="qiniu: 1.4 no switch of the maker's own system"),
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "model", "parts"), MODELS)
def test_models(vendor: str, model: str, parts: dict[str, object]) -> None:
    found = sent(HOST_FOR_VENDOR[vendor], model)
    assert found == {**PLAIN, **SENT_TO_VENDOR[vendor], **parts}


PARTS = [
    pytest.param("openai", "o1-mini", "system", "system", id="openai: edge 149 o1-mini has no developer"),
    pytest.param("openai", "o1-preview", "system", "system", id="openai: edge 149 nor has o1-preview"),
    pytest.param("openai", "gpt-4", "pdf", False, id="openai: 10.8 a model without eyes reads no PDF"),
    pytest.param("openai", "o3-mini", "pdf", False, id="openai: 10.8 nor does o3-mini"),
    pytest.param("openai", "gpt-4o-search-preview", "web_search", "web_search_options", id="openai: 10.10 search models"),
    pytest.param("openai", "gpt-5-search-api", "web_search", "web_search_options", id="openai: 10.10 gpt-5-search-api"),
    pytest.param("openai", "gpt-4o-search-preview", "sampling", [], id="openai: 10.10 without sampling"),
    pytest.param("openai", "gpt-4o", "web_search", None, id="openai: 10.10 others drop web_search"),
    pytest.param("openai", "gpt-4o", "late_system", "system", id="openai: 10.1 late system turns inline"),
    pytest.param("openai", "gpt-4o", "history", None, id="openai: 10.3 no reasoning goes back"),
    pytest.param("openai", "gpt-4o", "user_id", None, id="openai: 1.1 no user id unless asked for"),
    pytest.param("deepseek", "deepseek-chat", "history", "reasoning_content", id="deepseek: edge 141 echoed reasoning"),
    pytest.param("deepseek", "deepseek-chat", "thinking", switched(TOGGLED_ON, TOGGLED_OFF, forced=TOGGLED_OFF), id="deepseek: edge 142 forced tools"),
    pytest.param("deepseek", "deepseek-chat", "late_system", "user", id="deepseek: 10.1 late system turns are wrapped"),
    pytest.param("deepseek", "deepseek-chat", "prefill", {}, id="deepseek: 2.8 prefix needs the beta address"),
    pytest.param("qwen", "qwen-plus", "thinking", switched({"enable_thinking": True, "thinking_budget": 20000}, {"enable_thinking": False}, forced={"enable_thinking": False}), id="qwen: 10.4 forced tools"),
    pytest.param("qwen", "qwen-plus", "late_system", "user", id="qwen: edge 143 system must be first"),
    pytest.param("qwen", "qwen-plus", "history", None, id="qwen: 10.3 no reasoning goes back"),
    pytest.param("moonshot", "kimi-k2.5", "tool_id", "kept", id="moonshot: edge 152 ids are kept for replay"),
    pytest.param("moonshot", "kimi-k2.5", "history", "reasoning_content", id="moonshot: 10.3 reasoning goes back"),
    pytest.param("glm", "glm-4.6", "cache", None, id="glm: edge 153 no cache_control"),
    pytest.param("glm", "glm-4.6", "image", False, id="glm: edge 153 no content arrays from text models"),
    pytest.param("glm", "glm-4.6", "choices", (None, None, "no tools"), id="glm: 1.3 only auto is understood"),
    pytest.param("minimax", "MiniMax-M3", "think_tags", True, id="minimax: edge 154 inline thoughts"),
    pytest.param("vllm", "qwen3-coder", "text_calls", True, id="vllm: edge 95f a server may have no parser"),
    pytest.param("llamacpp", "qwen3-coder", "text_calls", True, id="llamacpp: edge 95f calls in the text"),
    pytest.param("ollama", "qwen3-coder", "text_calls", True, id="ollama: edge 95f calls in the text"),
    pytest.param("qiniu", "kimi-k2", "text_calls", True, id="qiniu: edge 95f an aggregator has many servers"),
    pytest.param("moonshot", "kimi-k2", "text_calls", False, id="moonshot: edge 95f the maker has a parser"),
    pytest.param("deepseek", "deepseek-chat", "text_calls", False, id="deepseek: edge 95f the maker has a parser"),
    pytest.param("minimax", "MiniMax-M3", "history", "reasoning_content", id="minimax: 10.3 reasoning goes back"),
    pytest.param("openrouter", "some/model", "late_system", "system", id="openrouter: 10.1 late system turns inline"),
    pytest.param("openrouter", "some/model", "history", "reasoning_details", id="openrouter: 10.3 reasoning_details go back"),
    pytest.param("openrouter", "some/model", "web_search", "plugins", id="openrouter: 10.10 web plugin"),
    pytest.param("openrouter", "some/model", "sampling", ["temperature", "top_p", "top_k"], id="openrouter: edge 11 top_k is forwarded"),
    pytest.param("gemini", "gemini-3-pro", "schema", list(KEYWORDS[:9]), id="gemini: edge 146 schema keywords that are refused"),
    pytest.param("groq", "openai/gpt-oss-20b", "sampling", ["temperature", "top_p"], id="groq: edge 148 no top_k"),
    pytest.param("groq", "openai/gpt-oss-20b", "cache", None, id="groq: edge 148 no cache_control"),
    pytest.param("groq", "openai/gpt-oss-20b", "history", None, id="groq: edge 148 no unknown message keys"),
    pytest.param("mistral", "mistral-large-latest", "tool_id", 9, id="mistral: edge 147 ids of nine characters"),
    pytest.param("mistral", "mistral-large-latest", "prefill", {"prefix": True}, id="mistral: 2.8 a marked prefill"),
    pytest.param("mistral", "mistral-large-latest", "limit", {"max_tokens": 987_654}, id="mistral: 1.1 max_completion_tokens is refused"),
    pytest.param("mistral", "mistral-large-latest", "history", None, id="mistral: 10.3 reasoning_content is refused"),
    pytest.param("mistral", "mistral-large-latest", "stream_usage", False, id="mistral: 1.1 usage comes unasked"),
    pytest.param("mistral", "devstral-medium-latest", "behind_result", "tool", id="mistral: edge 147 no user message after a tool's"),
    pytest.param("openai", "gpt-5", "tool_count", 128, id="openai: 1.3 at most 128 tools"),
    pytest.param("moonshot", "kimi-for-coding", "agent", "client", id="moonshot: the coding plan admits agents"),
    pytest.param("qiniu", "moonshotai/kimi-for-coding", "agent", "client", id="qiniu: a gateway before the coding plan"),
    pytest.param("gemini", "gemma-3-27b-it", "system", "user", id="gemini: Gemma 3 has no system role"),
    pytest.param("gemini", "models/gemma-3n-e4b-it", "system", "user", id="gemini: nor has Gemma 3n"),
    pytest.param("gemini", "gemma-4-26b-a4b-it", "system", "system", id="gemini: Gemma 4 has one"),
    pytest.param("vertex", "google/gemini-3-pro-preview", "unsigned_call", UNSIGNED["unsigned_call"], id="vertex: Gemini checks signatures there too"),
    pytest.param("vertex", "google/gemini-2.5-flash", "schema", list(KEYWORDS[:9]), id="vertex: edge 146 and refuses the same keywords"),
    pytest.param("vertex", "meta/llama-4-maverick-17b-128e-instruct-maas", "schema", [], id="vertex: other models do not"),
    pytest.param("gemini", "gemini-2.5-pro", "unsigned_call", None, id="gemini: edge 146 older models check no signature"),
    pytest.param("ollama", "qwen3:8b", "sampling", ["temperature", "top_p", "top_k"], id="ollama: edge 11 top_k is forwarded"),
    pytest.param("ollama", "qwen3:8b", "choices", (None, None, "no tools"), id="ollama: 1.3 the field is ignored there"),
    pytest.param("vllm", "some-model", "prefill", {"continue_final_message": True, "add_generation_prompt": False}, id="vllm: 2.8 continue_final_message"),
    pytest.param("vllm", "some-model", "sampling", ["temperature", "top_p", "top_k"], id="vllm: edge 11 top_k is forwarded"),
    pytest.param("vllm", "some-model", "history", None, id="vllm: edge 113 its field was renamed: none"),
    pytest.param("vllm", "some-model", "choices", ("named", "required", "none"), id="vllm: edge 151 named tools work"),
    pytest.param("llamacpp", "some-model", "choices", ("required", "required", "none"), id="llamacpp: 1.3 a named tool is asked for as required"),
    pytest.param("llamacpp", "some-model", "schema", [], id="llamacpp: edge 155 schemas are simplified when refused"),
    pytest.param("llamacpp", "some-model", "prefill", {}, id="llamacpp: 2.8 a last assistant message is continued"),
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "model", "part", "value"), PARTS)
def test_parts(vendor: str, model: str, part: str, value: object) -> None:
    assert sent(HOST_FOR_VENDOR[vendor], model)[part] == value


BASE_PATHS = [
    pytest.param("mine.openai.azure.com", "", "/openai/v1", id="azure: edge 145 the v1 path"),
    pytest.param("mine.openai.azure.com", "/openai", "/openai/v1", id="azure: its beginning"),
    pytest.param("mine.openai.azure.com", "/openai/v1", "/openai/v1", id="azure: itself"),
    pytest.param("mine.openai.azure.com", "/openai/deployments/prod", None, id="azure: edge 145 a deployment stands"),
    pytest.param("mine.openai.azure.com", "/models", None, id="azure: the inference API stands"),
    pytest.param("dashscope.aliyuncs.com", "", "/compatible-mode/v1", id="qwen: features: DashScope without a path"),
    pytest.param("dashscope.aliyuncs.com", "/compatible-mode", "/compatible-mode/v1", id="qwen: features: without /v1"),
    pytest.param("dashscope.aliyuncs.com", "/v1", "/compatible-mode/v1", id="qwen: features: with /v1 alone"),
    pytest.param("dashscope.aliyuncs.com", "/api/v1/services", None, id="qwen: another API stands"),
    pytest.param("coding.dashscope.aliyuncs.com", "", "/v1", id="qwen: the coding plan"),
    pytest.param("api-inference.modelscope.cn", "", "/v1", id="qwen: ModelScope"),
    pytest.param("open.bigmodel.cn", "", "/api/paas/v4", id="glm: features: GLM without a path"),
    pytest.param("open.bigmodel.cn", "/api/paas", "/api/paas/v4", id="glm: features: its beginning"),
    pytest.param("open.bigmodel.cn", "/v1", "/api/paas/v4", id="glm: features: with /v1"),
    pytest.param("open.bigmodel.cn", "/api/coding/paas/v4", None, id="glm: the coding plan stands"),
    pytest.param("openrouter.ai", "", "/api/v1", id="openrouter: features: OpenRouter without a path"),
    pytest.param("openrouter.ai", "/api", "/api/v1", id="openrouter: features: without /v1"),
    pytest.param("openrouter.ai", "/v1/", "/api/v1", id="openrouter: features: /v1 alone"),
    pytest.param("openrouter.ai", "/api/v1", "/api/v1", id="openrouter: features: as it is"),
    pytest.param("generativelanguage.googleapis.com", "", "/v1beta/openai", id="gemini: features: Gemini without a path"),
    pytest.param("generativelanguage.googleapis.com", "/v1beta", "/v1beta/openai", id="gemini: features: the dynamic route's prefix"),
    pytest.param("generativelanguage.googleapis.com", "/v1beta/openai/", "/v1beta/openai", id="gemini: features: as it is"),
    pytest.param("generativelanguage.googleapis.com", "/v1beta/models", None, id="gemini: the native API stands"),
    pytest.param("us-central1-aiplatform.googleapis.com", "/v1/projects/p/locations/l/endpoints/openapi", None, id="vertex: the project's path stands"),
    pytest.param("us-central1-aiplatform.googleapis.com", "", "/v1", id="vertex: without a project only the version is known"),
    pytest.param("api.groq.com", "", "/openai/v1", id="groq: features: Groq without a path"),
    pytest.param("api.groq.com", "/openai", "/openai/v1", id="groq: features: without /v1"),
    pytest.param("api.groq.com", "/v1", "/openai/v1", id="groq: features: /v1 alone"),
    pytest.param("ark.cn-beijing.volces.com", "", "/api/v3", id="ark: features: Ark without a path"),
    pytest.param("ark.cn-beijing.volces.com", "/api", "/api/v3", id="ark: features: its beginning"),
    pytest.param("ark.cn-beijing.volces.com", "/v1", "/api/v3", id="ark: features: with /v1"),
    pytest.param("ark.cn-beijing.volces.com", "/api/coding/v3", None, id="ark: the coding plan stands"),
    pytest.param("api.openai.com", "", "/v1", id="openai"),
    pytest.param("api.deepseek.com", "", "/v1", id="deepseek"),
    pytest.param("api.deepseek.com", "/beta", None, id="deepseek: the beta address stands"),
    pytest.param("api.moonshot.cn", "", "/v1", id="moonshot"),
    pytest.param("api.kimi.com", "", "/coding/v1", id="moonshot: the coding plan"),
    pytest.param("api.kimi.com", "/coding", "/coding/v1", id="moonshot: its beginning"),
    pytest.param("api.minimax.io", "", "/v1", id="api.minimax.io"),
    pytest.param("api.minimaxi.com", "", "/v1", id="api.minimaxi.com"),
    pytest.param("api.minimax.chat", "", "/v1", id="api.minimax.chat"),
    pytest.param("api.mistral.ai", "", "/v1", id="api.mistral.ai"),
    pytest.param("codestral.mistral.ai", "", "/v1", id="codestral.mistral.ai"),
    pytest.param("localhost:8000", "", "/v1", id="localhost:8000"),
    pytest.param("10.0.0.5:30000", "", "/v1", id="10.0.0.5:30000"),
    pytest.param("vllm", "", "/v1", id="vllm"),
    pytest.param("sglang:9000", "", "/v1", id="sglang:9000"),
    pytest.param("localhost:8080", "", "/v1", id="localhost:8080"),
    pytest.param("127.0.0.1:1234", "", "/v1", id="127.0.0.1:1234"),
    pytest.param("llama-server", "", "/v1", id="llama-server"),
    pytest.param("lm-studio", "", "/v1", id="lm-studio"),
    pytest.param("api.qnaigc.com", "", "/v1", id="api.qnaigc.com"),
    pytest.param("openai.qiniu.com", "", "/v1", id="openai.qiniu.com"),
    pytest.param("openai.sufy.com", "", "/v1", id="openai.sufy.com"),
    pytest.param("localhost:11434", "", "/v1", id="localhost:11434"),
    pytest.param("127.0.0.1:11434", "", "/v1", id="127.0.0.1:11434"),
    pytest.param("[::1]:11434", "", "/v1", id="[::1]:11434"),
    pytest.param("192.168.1.7:11434", "", "/v1", id="192.168.1.7:11434"),
    pytest.param("gpu-box:11434", "", "/v1", id="gpu-box:11434"),
    pytest.param("host.docker.internal:11434", "", "/v1", id="host.docker.internal:11434"),
    pytest.param("ollama", "", "/v1", id="ollama"),
    pytest.param("ollama:8080", "", "/v1", id="ollama:8080"),
    pytest.param("ollama.com", "", "/v1", id="ollama.com"),
    pytest.param("gateway.example.com:11434", "", None, id="a port on a public host"),
    pytest.param("8.8.8.8:11434", "", None, id="a port on a public address"),
    pytest.param("localhost:11435", "", None, id="another port"),
]  # fmt: skip


@pytest.mark.parametrize(("host", "path", "expected"), BASE_PATHS)
def test_address(host: str, path: str, expected: str | None) -> None:
    assert base_path_for(host, path) == expected


OTHER_HOSTS = [
    pytest.param("openai.azure.com", "", id="azure: the bare domain is no resource"),
    pytest.param("llm.example.com", "/v1", id="azure: another path"),
    pytest.param("openai.azure.com.evil.example", "", id="azure: a domain that ends otherwise"),
    pytest.param("openai.azure.com", "/deployments", id="azure: not a deployment"),
    pytest.param("gateway.example.com:11434", "", id="ollama: its port on a public host"),
    pytest.param("8.8.8.8:11434", "", id="ollama: its port on a public address"),
    pytest.param("localhost:11435", "", id="ollama: another port"),
    pytest.param("gateway.example.com:8000", "", id="vllm: its port on a public host"),
    pytest.param("vllm.example.com", "", id="vllm: its name in a domain"),
    pytest.param("gateway.example.com:8080", "", id="llamacpp: its port on a public host"),
]  # fmt: skip


@pytest.mark.parametrize(("host", "path"), OTHER_HOSTS)
def test_not_a_vendors_host(host: str, path: str) -> None:
    assert differences(host, "some-model", path=path) == {}


KEYS = [
    pytest.param("mine.openai.azure.com", "", "0a1b", ("api-key", "0a1b"), id="edge 145 api-key"),
    pytest.param("mine.openai.azure.com", "", "eyJ0.eyJh.c2ln", ("authorization", "Bearer eyJ0.eyJh.c2ln"), id="an access token"),
    pytest.param("mine.openai.azure.com", "", "eyJ0", ("api-key", "eyJ0"), id="a key that only begins like one"),
    pytest.param("llm.example.com", DEPLOYMENT, "k", ("api-key", "k"), id="a deployment behind another domain"),
    pytest.param("llm.example.com", "", "k", ("authorization", "Bearer k"), id="another domain"),
    *(
    pytest.param(host, "", "k", ("authorization", "Bearer k"), id=vendor)
    for vendor, host in HOST_FOR_VENDOR.items()
    if vendor != "azure"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("host", "path", "key", "header"), KEYS)
def test_key(host: str, path: str, key: str, header: tuple[str, str]) -> None:
    assert credential_header(host, key, path=path) == header


@pytest.mark.parametrize(
    ("vendor", "path"), [("moonshot", "/tokenizers/estimate-token-count"), ("vllm", "/tokenize")]
)
def test_the_endpoint_that_counts_tokens(vendor: str, path: str) -> None:
    endpoint = profile_for(HOST_FOR_VENDOR[vendor], "some-model").count_endpoint
    assert endpoint is not None
    assert COUNT_ENDPOINTS[endpoint].path == path
