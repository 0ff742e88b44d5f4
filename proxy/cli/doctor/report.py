"""The texts of ``claude-proxy doctor``.

Rule: pure. Texts from an upstream are shortened and contain no control characters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from config.urls import without_query
from proxy.cli.doctor.examination import Result
from proxy.cli.doctor.forms import form_of
from proxy.cli.one_line import printable, shortened
from proxy.errors import UpstreamError
from proxy.failures.healing import as_yaml
from proxy.providers.routing import Route
from proxy.redaction import mask_secrets
from proxy.relay.upstream_urls import messages_url

HEADINGS = ("PROBE", "RESULT", "WHAT IT MEANS")


def title(route: Route) -> str:
    """``PROVIDER/MODEL at URL (profile NAME)``; a native upstream has no profile."""
    url = messages_url(route.provider) if route.native else form_of(route.profile).url(route)
    url = mask_secrets(without_query(url))
    where = f"{route.provider.name}/{route.model} at {url}"
    return printable(where if route.native else f"{where} (profile {route.profile.name})")


def table(results: Sequence[Result]) -> str:
    """One line for each probe, in columns."""
    rows = [HEADINGS, *((r.probe, r.outcome, shortened(r.meaning)) for r in results)]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:{first}}  {outcome:{second}}  {text}" for name, outcome, text in rows)


def advice(flags: Mapping[str, object], *, answers: bool) -> str:
    """The last paragraph of the report: the profile flags to add, if any."""
    if not answers:
        return "The upstream does not answer plain requests; nothing else was tested."
    if not flags:
        return "The profile is correct: no flags to add."
    return f"Add to this model in the registry file:\n\n{as_yaml(flags)}"


def catalogue_lines(provider: str, refusals: Iterable[UpstreamError]) -> str:
    """The paragraph with one line for each refusal, as tests/refusals/catalogue.txt has them.

    Empty if there is none. Each line names what the refusal leads to: nothing is healed.
    """
    lines = dict.fromkeys(_catalogue_line(provider, refusal) for refusal in refusals)
    if not lines:
        return ""
    return "\n".join(["No healing step takes these refusals; to report them, paste:\n", *lines])


def _catalogue_line(provider: str, refusal: UpstreamError) -> str:
    told = {"message": refusal.text, "param": refusal.param, "code": refusal.code}
    body = {"error": {name: value for name, value in told.items() if value is not None}}
    status = refusal.upstream_status or refusal.status
    parts = (provider, str(status), "none", "doctor", json.dumps(body, ensure_ascii=False))
    return " | ".join(map(printable, parts))
