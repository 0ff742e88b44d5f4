"""Checks of the proxy itself: they use no tokens.

A check returns its note and raises ``Failed`` or ``Skipped`` (``outcome``).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from proxy.cli.smoke import bodies
from proxy.cli.smoke.client import MESSAGES, Client, Refused
from proxy.cli.smoke.outcome import Failed

MODELS = "/v1/models"
MOST_PAGES = 50
WRONG_KEY = "smoke-wrong-key-"


def health(client: Client) -> str:
    """``GET /health``; the note has version and mode."""
    client.health = told = _object(client.get_origin("/health"), "/health")
    if told.get("status") not in ("healthy", "ok"):
        raise Failed(f"/health says status {told.get('status')!r}")
    _choose_key(client)
    version, mode = told.get("version"), told.get("mode")
    parts = [f"version {version}" if version else "", f"mode {mode}" if mode else ""]
    return ", ".join(part for part in parts if part)


def _choose_key(client: Client) -> None:
    target = client.target
    if target.passthrough_key and client.health.get("mode") in ("passthrough", "mixed"):
        client.target = replace(target, key=target.passthrough_key)


def models(client: Client) -> str:
    """``GET /v1/models`` and the first model by its id."""
    client.models = ids = listed_models(client)
    if not ids:
        return "the list is empty"
    told = client.get(f"{MODELS}/{quote(ids[0], safe='/')}")
    if not isinstance(told, dict) or not isinstance(told.get("id"), str):
        raise Failed(f"{MODELS}/{ids[0]} does not answer with a model")
    return f"{len(ids)} model{'' if len(ids) == 1 else 's'}"


def listed_models(client: Client) -> list[str]:
    """Ids of all pages of ``GET /v1/models``; raises ``Failed`` for another form."""
    found: dict[str, None] = {}
    after = ""
    for _ in range(MOST_PAGES):
        page = _object(client.get(f"{MODELS}?limit=1000{after}"), MODELS)
        data = page.get("data")
        if not isinstance(data, list):
            raise Failed(f"{MODELS} has no list 'data'")
        for entry in data:
            if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
                raise Failed(f"{MODELS} lists a model without an id")
            if entry.get("type") != "model":
                raise Failed(f"{MODELS}: the entry {entry['id']} is not of type 'model'")
            found[entry["id"]] = None
        if page.get("has_more") is not True or not data:
            break
        after = f"&after_id={quote(data[-1]['id'], safe='')}"
    return list(found)


def errors(client: Client, model: str) -> str:
    """Invalid requests, an unknown path and a wrong key are refused in the API's form."""
    try:
        _refused(client, 400, bodies.invalid(model), "an invalid request")
    except Failed as error:
        # Where only registered models are taken, an unknown one is refused first.
        cause = error.__cause__
        if not client.models or not isinstance(cause, Refused) or cause.status != 404:
            raise
        _refused(client, 400, bodies.invalid(client.models[0]), "an invalid request")
    _refused(client, 400, b'{"model": ', "a body that is not JSON")
    try:
        client.get_origin("/smoke-no-such-path")
    except Refused as refusal:
        _check_refusal(refusal, 404, "an unknown path")
    else:
        raise Failed("an unknown path was answered with HTTP 200 instead of 404")
    return f"400 and 404 in the API's form, {_wrong_key(client)}"


def _refused(client: Client, status: int, body: object, what: str) -> None:
    try:
        client.post(MESSAGES, body)
    except Refused as refusal:
        _check_refusal(refusal, status, what)
    else:
        raise Failed(f"{what} was answered with HTTP 200 instead of {status}")


def _check_refusal(refusal: Refused, status: int, what: str) -> None:
    if refusal.status != status:
        raise Failed(f"{what} was answered with {refusal} instead of {status}") from refusal
    if not refusal.shaped:
        raise Failed(f"{what}: {refusal}")
    if not refusal.headers.get("request-id"):
        raise Failed(f"{what}: the answer has no header request-id")


def _wrong_key(client: Client) -> str:
    in_force = client.health.get("client_api_key_validation")
    if in_force is False:
        # In passthrough it would be sent to the upstream.
        return "no key in force"
    try:
        client.get(MODELS, key=WRONG_KEY + secrets.token_hex(8))
    except Refused as refusal:
        _check_refusal(refusal, 401, "a wrong key")
        return "401 for a wrong key"
    if in_force:
        raise Failed("a wrong key was answered with HTTP 200 instead of 401")
    return "no key in force"


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Failed(f"{what} does not answer with an object")
    return value
