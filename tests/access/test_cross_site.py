"""Which requests are a web page's, and which of these are let in (docs/features.md "Web pages")."""

from __future__ import annotations

import pytest

from proxy.access.cross_site import check_page
from proxy.errors import PermissionDenied

CHROME = {"user-agent": "Mozilla/5.0 (X11) Chrome/142.0", "accept-language": "de-DE,de;q=0.9"}
LISTED = ("https://good.test", "app://obsidian.md")


def page(origin: str, host: str = "127.0.0.1:8085", site: str = "") -> dict[str, str]:
    """What a browser sends with a POST."""
    sent = {"origin": origin, "host": host, **CHROME}
    return {**sent, "sec-fetch-site": site} if site else sent


ALLOWED = {
    "Claude Code, with what Node sends": {
        "user-agent": "claude-cli/2.0",
        "accept-language": "*",
        "sec-fetch-mode": "cors",
        "host": "localhost:8085",
    },
    "curl": {"user-agent": "curl/8.5.0", "host": "nas.lan:8085"},
    "nothing": {},
    "PowerShell": {"user-agent": "Mozilla/5.0 (Windows NT) WindowsPowerShell/5.1", "host": "a"},
    "an address that was typed": {"sec-fetch-site": "none", **CHROME},
    "a link on a page of this server": {"sec-fetch-site": "same-origin", **CHROME},
    "a listed page": page("https://good.test", site="cross-site"),
    "a listed program's page": page("app://obsidian.md", site="cross-site"),
    "an editor": page("vscode-webview://0a1b", site="cross-site"),
    "an editor's window": page("vscode-file://vscode-app"),
    "a desktop program": page("tauri://localhost"),
    "a desktop program's file": page("file://"),
    "a phone's program": page("capacitor://localhost"),
    "a browser extension": page("chrome-extension://abcdef", site="none"),
    "a page of this server at its address": page("http://127.0.0.1:8085"),
    "a page of this server at its IPv6 address": page("http://[::1]:8085", "[::1]:8085"),
    "a page of this server at localhost": page("http://localhost:8085", "localhost:8085"),
    "a page below localhost": page("http://ui.localhost:80", "ui.localhost:80"),
    "a page beside it behind TLS": page("https://ui.test", "upstream", site="same-origin"),
}
REFUSED = {
    "another page": page("https://evil.test", site="cross-site"),
    "another page, of a browser that says less": page("https://evil.test"),
    "a page in a sandbox": page("null", site="cross-site"),
    "a page in a sandbox, of a browser that says less": page("null"),
    "another page on this machine": page("http://localhost:3000", "localhost:8085", "same-site"),
    "a page beside it on another host": page("https://a.ui.test", "ui.test", "same-site"),
    "a name that was rebound": page("http://evil.test:8085", "evil.test:8085"),
    "a name that was rebound, as if it were told": page(
        "http://evil.test:8085", "evil.test:8085", "same-origin"
    ),
    "a name that looks like an address": page("http://127.0.0.1.evil.test", "127.0.0.1.evil.test"),
    "a name that looks like localhost": page("http://localhost.evil.test", "localhost.evil.test"),
    "a listed name without TLS": page("http://good.test"),
    "a listed name at another port": page("https://good.test:444"),
    "a longer name": page("https://good.test.evil.test"),
    "upper case": page("HTTPS://evil.test"),
    "no origin at all": page("evil"),
    "an empty origin": page(""),
    "an origin without a scheme": page("://evil"),
    "a program's origin and a page's": page("app://obsidian.md,https://evil.test"),
    "an origin that cannot be read": page("http://[evil"),
    "a picture": {"sec-fetch-site": "cross-site", **CHROME},
    "a picture on another page of this machine": {"sec-fetch-site": "same-site", **CHROME},
    "a word that is new": {"sec-fetch-site": "elsewhere", **CHROME},
}


@pytest.mark.parametrize("who", ALLOWED)
def test_who_is_let_in(who: str) -> None:
    check_page(ALLOWED[who], LISTED, spends=False)
    check_page(ALLOWED[who], LISTED, spends=True)


@pytest.mark.parametrize("who", REFUSED)
def test_who_is_refused(who: str) -> None:
    for spends in (False, True):
        with pytest.raises(PermissionDenied, match="CLAUDE_PROXY_ALLOWED_ORIGINS") as caught:
            check_page(REFUSED[who], LISTED, spends=spends)
        assert caught.value.status == 403
        assert caught.value.type == "permission_error"


@pytest.mark.parametrize("who", [*ALLOWED, *REFUSED])
def test_a_star_lets_everybody_in(who: str) -> None:
    check_page((ALLOWED | REFUSED)[who], ("*",), spends=True)


def test_a_browser_that_tells_nothing_does_not_spend_money() -> None:
    sent = {"host": "192.168.1.5:8085", **CHROME}
    check_page(sent, (), spends=False)
    with pytest.raises(PermissionDenied):
        check_page(sent, (), spends=True)
