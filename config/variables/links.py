"""Variables that container platforms inject for a service, above all one named ``claude-proxy``.

Rule: they describe an address for other programs; none of them is a setting. Sources: Kubernetes "Accessing
the Service" (environment variables), Docker "Legacy container links".
"""

from __future__ import annotations

import re

from config.variables.row import PREFIX

_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://\S+", re.IGNORECASE)
# A service "claude-proxy-redis" has a longer name in front of the same endings.
_SERVICE = r"(?:[A-Z0-9_]+_)?"
_PROTOCOL = "(?:TCP|UDP|SCTP)"
_ENDINGS = (
    f"(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    f"|PORT_[0-9]+_{_PROTOCOL}(?:_(?:PROTO|PORT|ADDR|START|END)|_PORT_(?:START|END))?)"
)
_NAME_ALONE = re.compile(f"{PREFIX}{_SERVICE}{_ENDINGS}")
_WITH_ADDRESS = re.compile(f"{PREFIX}{_SERVICE}PORT(?:_[0-9]+_{_PROTOCOL})?")
_OF_ANY_SERVICE = re.compile(f"[A-Z0-9_]+_{_ENDINGS}")
_DOCKER_NAME = re.compile(f"{PREFIX}{_SERVICE}NAME")
_DOCKER_ENVIRONMENT = re.compile(f"{PREFIX}(?:[0-9]+_)?ENV_.+")


def is_service_link(name: str, text: str) -> bool:
    """Whether the platform set ``name`` to ``text``, such as CLAUDE_PROXY_PORT=tcp://10.0.0.1:8085."""
    return bool(
        _NAME_ALONE.fullmatch(name)
        or _DOCKER_ENVIRONMENT.fullmatch(name)
        or (_WITH_ADDRESS.fullmatch(name) and _ADDRESS.fullmatch(text.strip()))
        or (_DOCKER_NAME.fullmatch(name) and text.startswith("/"))
    )


def is_any_service_link(name: str, text: str) -> bool:
    """The same for a service of any name, such as CLAUDE_CODE_PROXY_PORT=tcp://10.0.0.1:8082."""
    return bool(
        is_service_link(name, text)
        or _OF_ANY_SERVICE.fullmatch(name)
        or (name.endswith("_PORT") and _ADDRESS.fullmatch(text.strip()))
    )
