"""Validation of client requests: shapes, rules and error messages.

Rule: a validated request has all members that the converters require, with the right types, so the
converters need no checks.
"""

from __future__ import annotations

from proxy.schemas.body import counted_json_object, parse_json_object
from proxy.schemas.models import ModelsQuery, load_models_query
from proxy.schemas.request import load_count_request, load_message_request
from proxy.schemas.request_rules import check_chat_support

__all__ = [
    "ModelsQuery",
    "check_chat_support",
    "counted_json_object",
    "load_count_request",
    "load_message_request",
    "load_models_query",
    "parse_json_object",
]
