"""The healing steps for histories, the number of tools and the client's User-Agent, as a table.

Rule: a row takes a refusal if the upstream's own words match and the request holds what they complain
of. A row without a stated status counts for every status but those of keys and rates, because servers
report errors of chat templates as a 500 too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from proxy.failures.complaints import UNKNOWN_FIELD, Refusal
from proxy.providers.profiles import Profile
from proxy.providers.profiles.base import HistoryShape

Body = Mapping[str, Any]
Flags = dict[str, object]
Message = Mapping[str, Any]

NO_REFUSALS = frozenset({401, 402, 408, 429})
"""Statuses that concern no request's content."""
GUESSED_LIMITS = (512, 256, 128, 64, 32, 16)
"""Numbers of tools to try, the largest first, where a refusal states none."""
REASONING_MEMBERS = ("reasoning_content", "reasoning_text", "reasoning_details")
NOT = (
    r"(?:(?:is|are|was|were) )?(?:not|(?:is|are|was|were)n't|un)[ -]?(?:yet |currently )?"
    r"(?:supported|enabled|allowed|permitted)"
)
ROLES = r"['\"`]?(?:system|developer)['\"`]?"


@dataclass(frozen=True, slots=True)
class Row:
    """Words of refusals and the flags that avoid them."""

    step: str
    words: str
    """A regular expression in lower case."""
    flags: Callable[[Profile, Body, Refusal], Flags]
    """Empty where the request does not hold what the words complain of."""

    def flags_for(self, profile: Profile, body: Body, refusal: Refusal) -> Flags:
        """As ``Step.flags_for``."""
        return self.flags(profile, body, refusal) if refusal.says(self.words) else {}


def _messages(body: Body, role: str = "") -> list[Message]:
    return [each for each in body.get("messages") or () if role in ("", each.get("role"))]


def _calls(body: Body) -> list[list[Mapping[str, Any]]]:
    """The calls of each message that has some."""
    return [message["tool_calls"] for message in _messages(body) if message.get("tool_calls")]


def _shape(profile: Profile, name: HistoryShape, applies: object = True) -> Flags:
    if not applies or name in profile.history_shapes:
        return {}
    return {"history_shapes": (*profile.history_shapes, name)}


def _content_or_calls(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    both = [each for each in _messages(body) if each.get("tool_calls") and each.get("content")]
    return _shape(profile, "content_or_calls", both)


def _one_call(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    return _shape(profile, "one_call", any(len(calls) > 1 for calls in _calls(body)))


def _late_system(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    late = any(each.get("role") in ("system", "developer") for each in _messages(body)[1:])
    return {"mid_system": "wrap"} if late else {}


def _no_system(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    return _shape(profile, "no_system", _messages(body, "system") + _messages(body, "developer"))


def _no_user_after_tool(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    roles = [each.get("role") for each in _messages(body)]
    after = any(a == "tool" and b not in ("tool", "assistant") for a, b in pairwise(roles))
    return _shape(profile, "no_user_after_tool", after)


def _alternate(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    # Templates that do not know tools want the roles to alternate without exception.
    return _shape(profile, "alternate") or _shape(profile, "calls_as_text", _calls(body))


def _user_last(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    last = (_messages(body) or [{}])[-1]
    if last.get("role") == "tool":
        return _shape(profile, "calls_as_text")
    if last.get("role") == "assistant" and refusal.says("prefix") and profile.prefill != "prefix":
        return {"prefill": "prefix"}
    return _shape(profile, "user_last", last.get("role") != "user")


def _calls_need_tools(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    return _shape(profile, "calls_need_tools", _calls(body) and not body.get("tools"))


def _calls_as_text(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    return _shape(profile, "calls_as_text", _messages(body, "tool"))


def _reasoning_wanted(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    if not _messages(body, "assistant"):
        return {}
    if profile.reasoning_history != "reasoning_content":
        return {"reasoning_history": "reasoning_content"}
    return _shape(profile, "reasoning_filled")


def _reasoning_refused(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    sent = [name for name in REASONING_MEMBERS if any(name in each for each in _messages(body))]
    told = any(refusal.about(name, under="messages", complaint=UNKNOWN_FIELD) for name in sent)
    return {"reasoning_history": "drop"} if told or (sent and refusal.says(UNWANTED)) else {}


def _signed_calls(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    shape = _shape(profile, "signed_calls", _calls(body))
    return {"extra_content": True, **shape} if shape else {}


def _extra_content(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    holders = [*_messages(body), *(call for calls in _calls(body) for call in calls)]
    sent = any("extra_content" in each for each in holders)
    refused = sent and refusal.about("extra_content", under="messages", complaint=UNKNOWN_FIELD)
    return {"extra_content": False} if refused else {}


def _named_results(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    unnamed = any("name" not in each for each in _messages(body, "tool"))
    return _shape(profile, "named_results", unnamed)


def _null_content(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    sent = any(each.get("content") is None for each in _messages(body, "assistant"))
    return {"null_content": False} if sent else {}


def _max_tools(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    sent = len(body.get("tools") or ())
    stated = [
        int(number) for found in TOOLS_STATED.findall(refusal.text) for number in found if number
    ]
    limits = stated or GUESSED_LIMITS
    limit = next((each for each in limits if 0 < each < sent), None)
    return {} if limit is None else {"max_tools": limit}


def _client_agent(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    return {"user_agent": "client"}


UNWANTED = r"(?:remove|must not|should not|cannot|don't|do not).{0,40}reasoning_content"
TOO_MANY_TOOLS = (
    r"tools?\W.{0,20}(?:array|list) (?:is )?too (?:long|large)|too many (?:tools|functions)"
    r"|(?:more than|at most|up to|maximum of|max(?:imum)?|exceeds?|limit of) \d+ (?:tools|functions)\b"
    r"|number of (?:tools|functions|function declarations).{0,40}(?:exceed|limit|maximum|at most|larger)"
    r"|tools? (?:count|limit|number).{0,30}exceed|tools: list should have at most"
)
TOOLS_STATED = re.compile(
    r"(?:maximum length|max(?:imum)?(?: number)?(?: of)?(?: tools| functions)?(?: is)?|at most|up to|more than|limit(?: is| of)?"
    r"|exceeds?|allowed|supported|<=|≤)[ :(]{0,2}(?:the )?(?:maximum |limit |max )?(?:of |is )?(\d{1,4})\b"
    r"|\b(\d{1,4}) (?:tools|functions)? ?(?:is|are) (?:the maximum|allowed|supported)"
)
"""The number that a refusal of too many tools states as the limit."""

ROWS: tuple[Row, ...] = (
    Row("max_tools", TOO_MANY_TOOLS, _max_tools),
    Row(
        "content_or_calls",
        r"either content or tool_?calls|content and tool_?calls.{0,40}(?:both|same|not|exclusive)"
        r"|both content and tool_?calls|content.{0,20}must be (?:empty|null|none).{0,30}tool_?calls",
        _content_or_calls,
    ),
    Row(
        "one_call",
        r"(?:multiple|parallel|several|more than one) tool[-_ ]?calls?\b.{0,60}(?:not|n't|un)[ -]?"
        r"(?:yet |currently )?(?:supported|allowed|permitted)|only supports? (?:one|single|a single) tool"
        r"|(?:not|n't) support (?:multiple|parallel|several|more than one) tool|single tool-calls at once"
        r"|only one tool[-_ ]?call|at most one tool[-_ ]?call",
        _one_call,
    ),
    Row(
        "late_system",
        r"(?:system|developer) (?:message|role|prompt|turn)s?\b.{0,40}(?:must|should|can|may|only|allowed)"
        r".{0,40}(?:beginning|start|first)|unexpected role ['\"`]?(?:system|developer)['\"`]? after"
        r"|(?:first|only one) message.{0,20}(?:can|may) be (?:a )?system|multiple system messages",
        _late_system,
    ),
    Row(
        "no_system",
        rf"(?:system|developer) (?:role|message|prompt|instruction|turn)s?,? {NOT}"
        rf"|role:? {ROLES}.{{0,20}} {NOT}|{ROLES} role,? {NOT}"
        rf"|(?:not|n't) (?:support|accept|allow)(?:ed)? (?:the |a )?{ROLES} (?:role|message|prompt|instruction)"
        rf"|(?:unknown|invalid|unsupported|unexpected) role:? {ROLES}(?! after)",
        _no_system,
    ),
    Row(
        "no_user_after_tool",
        r"unexpected role ['\"`]?(?:user|system)['\"`]? after role ['\"`]?tool"
        r"|(?:user|system)['\"`]? (?:message|role|turn)?s?.{0,30}(?:can|must|may|should) ?(?:not|n't)?"
        r".{0,30}(?:after|follow).{0,20}['\"`]?tool|tool (?:message|result|role)s?.{0,20}must be followed by"
        r".{0,20}assistant",
        _no_user_after_tool,
    ),
    Row(
        "alternate",
        r"(?:must|should|have to|need to|to) (?:strictly )?alternate|alternating (?:user|roles)"
        r"|found multiple .{0,12}(?:user|assistant).{0,12} roles in a row|roles alternate"
        r"|consecutive (?:user|assistant|messages).{0,40}(?:not|n't)|first message.{0,30}(?:must|should)"
        r".{0,30}user|(?:must|should) start with (?:a |the )?['\"`]?user",
        _alternate,
    ),
    Row(
        "user_last",
        r"last (?:message|role|turn).{0,60}(?:must|should|has to|needs? to|to be|user)"
        r"|(?:must|should) end with (?:a |the )?['\"`]?user|(?:not|n't) support (?:assistant )?(?:message )?"
        rf"prefill|prefill(?:ing|ed)?(?: \w+){{0,3}} {NOT}|cannot (?:continue|end).{{0,20}}assistant message",
        _user_last,
    ),
    Row(
        "calls_need_tools",
        r"toolconfig.{0,20}must be (?:defined|provided|set)|without [`'\"]?tools=?[`'\"]?"
        r"|blocks? must define tools|tools?[`'\"]? (?:\w+ ){0,3}(?:must|required|needed|missing).{0,60}"
        r"(?:tool[-_ ]?(?:calls?|use|results?|messages?)|history|conversation)"
        r"|tool[-_ ]?(?:calls?|use|results?).{0,60}(?:but|while) (?:no|without) tools?",
        _calls_need_tools,
    ),
    Row(
        "calls_as_text",
        rf"role:? ['\"`]?tool['\"`]?.{{0,20}} {NOT}|['\"`]?tool['\"`]? role,? {NOT}"
        rf"|tool (?:message|result)s?,? {NOT}|(?:unknown|invalid|unsupported|unexpected) role:? ['\"`]?tool\b"
        r"|only (?:system, )?user(?:,| and) (?:and )?assistant(?: and system)? roles"
        r"|['\"`]tool['\"`] is not one of|unknown variant [`'\"]tool[`'\"]"
        r"|(?:not|n't) support (?:the )?(?:['\"`]?tool['\"`]? (?:role|messages)|role ['\"`]?tool)",
        _calls_as_text,
    ),
    Row(
        "reasoning_wanted",
        r"reasoning_content.{0,80}(?:must be (?:passed|provided|included|sent|present|set)|(?:is|are) "
        r"(?:missing|required)|missing|is empty)|(?:missing|requires?).{0,20}reasoning_content"
        r"|reasoning content in the thinking mode must be",
        _reasoning_wanted,
    ),
    Row("reasoning_refused", "reasoning_(?:content|text|details)", _reasoning_refused),
    Row(
        "signed_calls",
        r"missing (?:a |the )?[`'\"]?thought_?signature|thought_?signature[`'\"]?.{0,40}"
        r"(?:missing|required|not found)|requires? (?:a |the )?[`'\"]?thought_?signature",
        _signed_calls,
    ),
    Row("extra_content", "extra_content", _extra_content),
    Row(
        "named_results",
        r"function_?response\.name.{0,40}(?:empty|required|missing)|tool (?:message|result)s?.{0,30}"
        r"(?:must|requires?|need)[^.]{0,20}\bname\b|missing (?:\w+ )?[`'\"]?name[`'\"]? .{0,30}tool message",
        _named_results,
    ),
    Row(
        "null_content",
        r"content[`'\"\])]*.{0,40}(?:got null|(?:must|can|may|should) ?not be (?:null|none|nil)"
        r"|cannot be (?:null|none)|(?:is|was) null|nonetype|none is not|is a required|field is required)"
        r"|null.{0,30} (?:value )?for ['\"`]?content|expected string,? (?:got|received) null",
        _null_content,
    ),
    Row(
        "client_agent",
        r"only available for coding agents|(?:user-agent|client|agent)s? (?:is |are )?not (?:allowed|supported)",
        _client_agent,
    ),
)
"""After the rows of ``healing_steps``; of two rows that match, the first that changes a flag counts."""

_ANY_STATUS = re.compile("|".join(f"(?:{row.words})" for row in ROWS))


def in_any_status(status: int, text: str) -> bool:
    """Whether ``text``, the error text of an answer with ``status``, is one of these refusals.

    For statuses other than those of ``healing``; ``text`` in any case.
    """
    return status >= 400 and status not in NO_REFUSALS and bool(_ANY_STATUS.search(text.lower()))
