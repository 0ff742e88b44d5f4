"""The profile flags, by which an upstream differs from plain Chat Completions, and the vendor types.

Rule: a flag is data that pure converters read. A registry file and healing can override every flag
by its name, so no code depends on the vendor. The defaults are those of docs/protocol.md, where a
flag is written P.flag [default].
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from proxy.providers.profiles.schema_dialects import SchemaStep

HistoryShape = Literal[
    "calls_need_tools",
    "calls_as_text",
    "no_system",
    "one_call",
    "content_or_calls",
    "no_user_after_tool",
    "alternate",
    "user_last",
    "named_results",
    "signed_calls",
    "reasoning_filled",
]
"""What an upstream demands of the order and the form of messages; each is described at its function
in ``proxy/convert/request/history_shapes.py``."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Flags of one upstream and model; the defaults describe a plain, strict upstream."""

    name: str = "default"
    """Vendor name for logs."""

    # Protocol
    api: Literal["chat", "responses"] = "chat"
    """The protocol that requests are converted to: Chat Completions or Responses."""
    api_switch: bool = True
    """Whether healing may change ``api``."""

    # Request fields
    token_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    max_output: int | None = None
    """Largest output of the model in tokens; larger requests are clamped."""
    min_output: int | None = None
    """Least output in tokens that the upstream accepts; smaller requests are raised to it."""
    max_input: int | None = None
    """Longest prompt in tokens, if known; a longer one is refused without an upstream call."""
    system_role: Literal["system", "developer"] = "system"
    max_stop: int = 4
    no_stop: bool = False
    no_stream_usage: bool = False
    no_sampling: bool = False
    top_k: bool = False
    user_field: Literal["user", "safety_identifier"] | None = None
    service_tier: bool = False
    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    cache: Literal["anthropic", "breakpoint"] | None = None
    unsupported: tuple[str, ...] = ()
    """Chat Completions fields that are never sent, such as ``temperature``."""

    # Messages
    mid_system: Literal["inline", "wrap"] = "wrap"
    prefill: Literal["send", "prefix", "vllm", "error"] = "send"
    prefill_items: Literal["send", "error"] = "send"
    """The same for Responses, which has no fields for it (so ``prefix`` and ``vllm`` are errors there)."""
    prefill_stops_thinking: bool = False
    """A request that ends with a prefill is sent without thinking."""
    null_content: bool = True
    """False: an assistant message without text has ``""`` instead of null."""
    vision: bool = True
    unreadable_images: tuple[str, ...] = ()
    """Keys (``proxy.failures.broken_images``) of images that the upstream could not decode; they are
    left out. Healing sets them for one request."""
    pdf: Literal["none", "file"] = "none"
    tool_id: Literal["keep", "safe", "nine"] = "keep"
    """keep: every id that the upstream gave comes back to it; safe: ids are of ``A-Za-z0-9_-``;
    nine: of nine letters and digits (Mistral)."""
    tool_id_chars: int | None = None
    """Longest id in characters; longer ones are replaced. Less than 9 counts as 9."""
    extra_content: bool = False
    """A tool call in the history keeps the ``extra_content`` that it came with (Gemini's thought
    signature); strict upstreams refuse the member."""

    history_shapes: tuple[HistoryShape, ...] = ()
    """Demands on the order and the form of messages, which the converted messages are made to meet."""

    # Tools
    max_tools: int | None = None
    """Most functions in one request; others are left out (``proxy/convert/request/tool_limit.py``)."""
    strict_tools: bool = False
    server_tools: Literal["drop", "error"] = "drop"
    web_search: Literal["options", "plugin", "tool"] | None = None
    """options: ``web_search_options`` (Chat Completions); plugin: OpenRouter's web plugin; tool: the tool
    ``web_search`` of Responses."""
    tool_choice: Literal["any", "required", "auto_only"] = "any"
    """required: a named tool is sent as ``required``; auto_only: the field is omitted."""
    parallel_flag: bool = True
    tool_stream: bool = False
    """``tool_stream: true`` is sent with streamed requests that have tools (GLM): without it the
    arguments of a call arrive in one piece, after a long silence."""
    description_chars: int | None = None
    """Longest description of a tool in characters; a longer one is cut."""
    tool_name_chars: int | None = None
    """Longest name of a tool in characters; a longer one is replaced by an alias. At most 64."""
    schema_drop: tuple[str, ...] = ()
    """JSON Schema keywords removed from schemas, at any depth."""
    schema_keep: tuple[str, ...] = ()
    """The only JSON Schema keywords that are sent; empty: all."""
    schema_steps: tuple[SchemaStep, ...] = ()
    """Rewrites of schemas (schema_dialects.py), before keywords are removed."""
    text_tool_calls: bool = True
    """Calls that stand in an answer's text become tool calls: for servers without a parser for their
    model's calls. Makers' own APIs parse them, so there they can only be quotations."""

    # Reasoning
    thinking_style: Literal["none", "effort", "openrouter", "qwen", "toggle"] = "none"
    efforts: tuple[str, ...] = ("low", "medium", "high")
    always_reasons: bool = False
    """The model reasons before each answer, also where no thinking is asked for. Models of the style
    ``effort`` do so too unless ``efforts`` has ``none``."""
    reasoning_history: Literal["drop", "reasoning_content", "reasoning_text", "details"] = "drop"
    effort_with_tools: Literal["send", "omit", "none"] = "send"
    """For upstreams that accept tools only without reasoning (style ``effort``): with tools
    ``reasoning_effort`` is absent (omit) or ``"none"`` (none), even if the client set an effort."""
    forced_choice_stops_thinking: bool = False
    think_tags: bool = False

    # Responses
    system_field: Literal["instructions", "developer", "system"] = "instructions"
    """Where the system prompt is sent: in the field ``instructions``, or as the first item of that role."""
    store: bool = True
    """``store: false`` is sent, so that the upstream keeps nothing; False: the field is left out."""
    strict_field: bool = True
    """Each function has ``strict``; False: it is left out."""
    tool_output_parts: bool = True
    """The output of a call may contain images and files; False: they follow in a user message."""
    text_format: Literal["text", "response_format"] = "text"
    """The field with the schema of the answer; response_format: as in Chat Completions."""
    cache_key: bool = False
    """``prompt_cache_key`` is sent, a hash of the client's session."""
    no_obfuscation: bool = False
    """Streamed requests ask for events without ``obfuscation``, which only lengthens them."""
    phase: bool = False
    """Messages of the assistant in the history have ``phase``: commentary or final_answer."""
    reasoning_items: Literal["auto", "encrypted", "text", "drop"] = "auto"
    """How reasoning comes back to the upstream: as its encrypted state, as plain text, or not at all;
    auto: encrypted unless ``thinking_style`` is none."""
    reasoning_ids: Literal["send", "omit"] = "send"
    """Whether reasoning items have their ``id``."""
    reasoning_summary: Literal["auto", "concise", "detailed"] | None = "auto"
    """``reasoning.summary`` where the client sees the thinking; None: it is not sent."""

    silent_cut: bool = False
    """An answer that reached its limit is reported as completed."""
    eof_ends: bool = False
    """A stream may end without an event that says so, once all its items are done."""

    # Counting
    count_endpoint: Literal["vllm", "moonshot", "responses"] | None = None
    """Endpoint that counts the tokens of messages: ``/tokenize`` (vllm),
    ``/tokenizers/estimate-token-count`` (moonshot), or ``/responses/input_tokens`` (responses; only
    for requests of that protocol)."""

    # Answers
    tool_args: Literal["stream", "buffer"] = "stream"
    stream_only: bool = False
    """The upstream only streams: non-stream requests are streamed and aggregated."""
    first_byte_timeout: float | None = None
    """Seconds to the first byte; None: the operator's setting."""

    # Headers
    user_agent: Literal["own", "client"] = "own"
    """client: the client's own, for hosts that admit coding agents by it."""


VERSION = r"(?:-(?:\d{4}-\d{2}-\d{2}|\d{3,8}|latest|preview|exp))*"
"""Suffixes that name a version of the same model: ``-2024-11-20``, ``-250414``, ``-latest``."""


@dataclass(frozen=True, slots=True)
class ModelRule:
    """Flags of the models whose name ``pattern`` matches as a whole.

    The name is lower case, without vendor prefix, fine-tune wrapping and ``:tag``; a pattern with
    a slash is matched against the name with its vendor prefix.
    """

    pattern: re.Pattern[str]
    flags: Mapping[str, object]

    def matches(self, name: str) -> bool:
        """Whether ``name``, from ``plain_name``, is one of these models."""
        subject = name if "/" in self.pattern.pattern else name.rpartition("/")[2]
        return self.pattern.fullmatch(subject) is not None


def rule(pattern: str, **flags: object) -> ModelRule:
    """The rule for ``pattern``, which also covers dated and ``-latest`` versions."""
    return ModelRule(re.compile(f"(?:{pattern}){VERSION}"), flags)


def plain_name(model: str) -> str:
    """``model`` as rules compare it: ``ft:gpt-4o-2024-08-06:org::id`` -> ``gpt-4o-2024-08-06``,
    ``OpenAI/gpt-5:nitro`` -> ``openai/gpt-5``."""
    name = model.strip().lower().removeprefix("ft:")
    return name.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Start:
    """What ``claude-proxy init`` asks and proposes for a vendor.

    A proposal is made only if the upstream lists it. ``big``, ``middle`` and ``small`` are regular
    expressions in order of preference, matched as a whole against a model's id in lower case without
    vendor prefix (with it, if the expression contains a slash); of several matches the highest version
    is proposed. An empty tuple: the model of the next higher tier; for ``big``: no proposal.
    """

    title: str
    """Name in the menu."""
    base_urls: tuple[str, ...]
    """Complete base URLs, the usual one first; empty: each customer has an own one."""
    key_variable: str | None
    """The variable in which its users keep their key; None: it needs no key (a local server)."""
    big: tuple[str, ...] = ()
    middle: tuple[str, ...] = ()
    small: tuple[str, ...] = ()
    url_form: str = ""
    """The form of the base URL, where ``base_urls`` is empty."""
    note: str = ""
    """A line that is shown before the models are asked for."""


LOCAL_MODELS = (
    r"qwen[\d.]+-coder.*",
    r"gpt-oss.*",
    r"devstral.*",
    r"glm-.*",
    r"qwen[\d.]+.*",
    r"(?!.*embed)gemma.*",
    r"llama.*",
)
"""Families that handle the tools of coding agents, for servers that run any model. One model is
proposed for all tiers, because such a server would load two by turns."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor: its hosts, its key's header, and its flags.

    ``hosts`` maps a pattern to the path before ``/chat/completions`` there. A pattern is an exact
    host, ``.suffix`` (its subdomains) or ``:port`` (that port on a loopback or private host).
    ``flags`` apply to every model; ``models`` override them in order, so the last match has priority.
    """

    name: str
    hosts: Mapping[str, str]
    start: Start
    flags: Mapping[str, object] = field(default_factory=dict)
    models: tuple[ModelRule, ...] = ()
    responses: Mapping[str, object] = field(default_factory=dict)
    """Flags that apply to Responses alone, where nothing else sets them (``under_responses``)."""
    responses_paths: Mapping[str, str] = field(default_factory=dict)
    """The path before ``/responses`` at the patterns of ``hosts`` where it is another one."""
    credential: Literal["bearer", "api-key"] = "bearer"
    """api-key: the key is sent in that header, but an access token as a bearer token."""
