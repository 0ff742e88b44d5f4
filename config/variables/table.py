"""All variables, by section.

Rule: the order here is the order of ``--print-config`` and of the documents.
"""

from __future__ import annotations

from config.variables import server, upstream
from config.variables.row import Variable, rows_of

CUSTOM_HEADER_PREFIX = "CUSTOM_HEADER_"
"""``CUSTOM_HEADER_X_Y=v`` adds the header ``X-Y: v`` to upstream requests."""

SECTIONS: tuple[type, ...] = (
    upstream.Upstream,
    upstream.Models,
    upstream.Attempts,
    upstream.Conversion,
    upstream.Tokens,
    upstream.Network,
    server.Server,
    server.Access,
    server.RateLimits,
    server.Log,
    server.Reports,
)
VARIABLES: tuple[Variable, ...] = tuple(row for section in SECTIONS for row in rows_of(section))
