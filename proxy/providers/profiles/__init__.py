"""Profiles: data on how the upstreams of each vendor differ from plain Chat Completions."""

from proxy.providers.profiles.base import Profile, Start, Vendor
from proxy.providers.profiles.lookup import (
    base_path_for,
    credential_header,
    profile_for,
    responses_path_for,
    under_responses,
    vendor_for,
)
from proxy.providers.profiles.overrides import overridden
from proxy.providers.profiles.vendors import PROFILES, UNKNOWN, starts

__all__ = [
    "PROFILES",
    "UNKNOWN",
    "Profile",
    "Start",
    "Vendor",
    "base_path_for",
    "credential_header",
    "overridden",
    "profile_for",
    "responses_path_for",
    "starts",
    "under_responses",
    "vendor_for",
]
