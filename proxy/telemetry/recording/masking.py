"""Masks credentials in what is recorded.

Rule: a header that may hold a credential is masked by its name, whatever it holds. The value of each
credential that this exchange or the configuration knows is masked wherever it occurs, also where a read
cut it in two.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, unquote_plus

from proxy.access.auth import ANTHROPIC_START
from proxy.telemetry.recording.known import NOTHING, KnownSecrets, forms_of

MASK = "***"
AUTH_KEY = "***auth-key***"
"""Stands for a key of this proxy, which a replay accepts as such."""
ANTHROPIC_KEY = f"{ANTHROPIC_START}***"
"""Stands for a credential of Anthropic's, which is sent to native upstreams only."""

SLICE_BYTES = 1 << 17
"""Bytes that are masked in one step. A step keeps other threads, and so the event loop, from running:
1 ms or less."""
_CREDENTIAL = re.compile("auth|cookie|key|secret|token|passw|credential|signature|jwt|assertion")
_HARMLESS = frozenset({"idempotency-key", "anthropic-beta", "www-authenticate"})
_ANSWERED_CREDENTIAL = re.compile(
    "cookie|authorization|(?:api|auth|access)-?(?:key|token)|secret|jwt|assertion"
)
_SCHEME = re.compile(r"(?i)^(bearer|basic|digest|token|negotiate|apikey)\s+")
_USER = re.compile(r"://[^/@\s?#]+@")
_QUERY = re.compile(
    r"(?i)([?&;](?:[a-z0-9_.%-]*"
    r"(?:key|token|secret|signature|passw(?:or)?d|credentials?|auth|authorization|session|jwt)"
    r"|pass|pwd|sig|code)=)[^&;\s#\"']+"
)


class Secrets:
    """The credentials that are masked in one exchange; ``own``: the keys of this proxy's clients.

    A request may add secrets while the writer's thread masks.
    """

    def __init__(self, known: Iterable[str] = (), own: Iterable[str] = ()) -> None:
        self._own = frozenset(own)
        self._shared = KnownSecrets(forms_of([*self._own, *known]))
        """The configuration's: there may be hundreds, so they are prepared once."""
        self._added = NOTHING

    def copy(self) -> Secrets:
        """The same secrets, to which others may be added."""
        made = Secrets()
        made._own, made._shared, made._added = self._own, self._shared, self._added
        return made

    def add(self, *secrets: str) -> None:
        """Mask ``secrets`` too. Placeholders of fewer than 8 characters are no secrets."""
        new = set(forms_of(secrets)).difference(self._shared.forms, self._added.forms)
        if not new:
            return
        # Masked first: also the shared ones that begin with or hold one of these.
        longer = [form for form in self._shared.forms if any(each in form for each in new)]
        self._added = KnownSecrets([*self._added.forms, *new, *longer])

    def mark(self, secret: str) -> str:
        """What stands for ``secret`` as the value of a header."""
        if secret in self._own:
            return AUTH_KEY
        return ANTHROPIC_KEY if secret.lower().startswith(ANTHROPIC_START) else MASK

    def in_bytes(self, data: bytes) -> bytes:
        """``data`` with each secret masked."""
        if len(data) > SLICE_BYTES:
            return b"".join(self._sliced(data))
        for known in (self._added, self._shared):
            if known.forms:
                data = known.pattern.sub(MASK.encode(), data)
        return data

    def _sliced(self, data: bytes) -> Iterator[bytes]:
        stream = MaskedStream(self)
        for start in range(0, len(data), SLICE_BYTES // 2):
            yield stream.feed(data[start : start + SLICE_BYTES // 2])
        yield stream.rest()

    def in_text(self, text: str) -> str:
        """``text`` with each secret masked."""
        return self.in_bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")

    def in_value(self, value: object) -> object:
        """A JSON value with each secret masked in all of its strings and keys."""
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, dict):
            return {self.in_text(str(name)): self.in_value(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.in_value(each) for each in value]
        return value

    def in_url(self, url: str) -> str:
        """``url`` without user information and with masked credentials in its query."""
        return _QUERY.sub(rf"\1{MASK}", _USER.sub(f"://{MASK}@", self.in_text(url)))

    def in_headers(
        self, headers: Iterable[tuple[str, str]], *, answered: bool = False
    ) -> list[list[str]]:
        """Pairs of name and value; ``answered``: of an answer, whose limits are called tokens and keys."""
        sensitive = _ANSWERED_CREDENTIAL if answered else _CREDENTIAL
        return [
            [name, self._credential(value) if _masked(name, sensitive) else self.in_url(value)]
            for name, value in headers
        ]

    def _credential(self, value: str) -> str:
        scheme = _SCHEME.match(value)
        start = scheme[0] if scheme else ""
        return start + self.mark(value[len(start) :].strip())

    def held_length(self, data: bytes) -> int:
        """Length of the end of ``data`` that may be the beginning of a secret."""
        known = (self._added, self._shared)
        longest = max(each.longest for each in known)
        for length in range(min(longest - 1, len(data)), 0, -1):
            end = data[-length:]
            if end in known[0].starts or end in known[1].starts:
                return length
        return 0


class MaskedStream:
    """Masks the pieces of one body; the end of a piece that may begin a secret moves to the next one."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._held = b""
        self.masked = False
        """Whether a secret was found."""

    def feed(self, data: bytes) -> bytes:
        """What is known of the body by now and was not returned yet."""
        whole = self._held + data
        data = self._secrets.in_bytes(whole)
        self.masked = self.masked or data != whole
        end = len(data) - self._secrets.held_length(data)
        self._held = data[end:]
        return data[:end]

    def rest(self) -> bytes:
        """What is left at the end of the body."""
        held, self._held = self._held, b""
        return held


def credentials_in(headers: Iterable[tuple[str, str]]) -> list[str]:
    """The values of the headers of a request that may be credentials, without their scheme."""
    found = []
    for name, value in headers:
        if not _masked(name, _CREDENTIAL):
            continue
        bare = _SCHEME.sub("", value).strip()
        found += [value.strip(), bare, *_basic(bare)]
        if "cookie" in name.lower():
            found += [pair.partition("=")[2].strip() for pair in value.split(";")]
    return found


def credentials_in_query(url: str) -> list[str]:
    """The credentials in the query and the user information of ``url``."""
    found = [match[0].partition("=")[2] for match in _QUERY.finditer(url)]
    found += [bare for each in found if (bare := unquote_plus(each)) != each]
    for match in _USER.finditer(url):
        user = match[0][3:-1]
        # Also as it is sent with Basic authentication.
        for form in (user, unquote(user)):
            basic = base64.b64encode(form.encode("utf-8", "replace")).decode("ascii")
            found += [form, form.partition(":")[2], basic]
    return found


def _basic(value: str) -> list[str]:
    """User and password, and the password, if ``value`` holds them as Basic authentication does."""
    try:
        pair = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return []
    return [pair, pair.partition(":")[2]] if ":" in pair else []


def _masked(name: str, sensitive: re.Pattern[str]) -> bool:
    name = name.lower()
    return sensitive.search(name) is not None and name not in _HARMLESS
