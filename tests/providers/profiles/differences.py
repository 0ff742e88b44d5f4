"""A profile as what it changes: the form in which every test of this package states one."""

from __future__ import annotations

from dataclasses import asdict

from proxy.providers.profiles import Profile, profile_for

PLAIN = asdict(Profile())


def differences(host: str, model: str, *, path: str = "") -> dict[str, object]:
    """The flags of ``model`` at ``host`` that are not docs/protocol.md's defaults."""
    flags = asdict(profile_for(host, model, path=path))
    return {name: value for name, value in flags.items() if name != "name" and value != PLAIN[name]}
