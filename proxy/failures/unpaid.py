"""Recognises that an account has no balance or credits left, from the code and the text of the error.

Rule: the status does not decide, because vendors use different ones. A rate limit that expires by itself
is not such an error, even if its text mentions quotas, plans or billing pages (docs/edge-cases.md 105).
"""

from __future__ import annotations

import re

from proxy.failures.complaints import LONGEST_TEXT, QUOTED_REQUEST
from proxy.failures.error_body import ErrorFacts
from proxy.failures.stated_wait import stated_wait

_CODE = re.compile(
    r"1113"  # GLM
    r"|insufficient.?(?:user.?|account.?|token.?)?(?:quota|balance|credits?|funds?)(?:.?error)?"
    r"|billing_(?:hard_limit_reached|not_active|error)|exceeded_current_quota(?:_error)?"
    r"|arrearage|account.?overdue(?:.?error)?|credits.?error|out.?of.?credits?"
    r"|(?:pre_consume_token_)?quota_(?:failed|not_enough)|payment.?required"
    r"|(?:spend(?:ing)?|credit).?limit.?(?:reached|exceeded)",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"insufficient (?:account |user |token )?(?:quota|balance|credits?|funds)"
    r"|(?:balance|credits?)(?: is| are)? (?:insufficient|not enough|too low|exhausted|depleted)"
    r"|(?:token )?quota is not enough|not enough (?:account )?(?:balance|credits?|funds)"
    r"|overdue (?:balance|payment|bill|invoice)|account is (?:in arrears|overdue)"
    r"|used all (?:of )?(?:the |your )?(?:available |monthly |included )*credits"
    r"|exceeded your monthly included credits|(?:out of|no remaining|no more) credits"
    r"|(?:billing hard|credit|spending|spend) limit (?:has been )?(?:reached|exceeded)"
    r"|reached (?:its|your|the) (?:monthly )?(?:spending|spend|credit) limit"
    r"|make sure your account is in good standing|余额不足|额度不足|欠费",
    re.IGNORECASE,
)


def is_unpaid(facts: ErrorFacts) -> bool:
    """Whether the error says that no request will succeed before the account is paid."""
    if any(word and _CODE.fullmatch(word) for word in (facts.code, facts.kind)):
        return True
    text = facts.message[:LONGEST_TEXT]
    quote = QUOTED_REQUEST.search(text)
    if not _WORDS.search(text[: quote.start()] if quote else text):
        return False
    return stated_wait(facts, 0.0) is None
