"""Which vendor answers at a host, and that the data of every vendor is valid."""

from __future__ import annotations

import pkgutil

import pytest

import proxy.providers.profiles
from proxy.providers.profiles import (
    PROFILES,
    UNKNOWN,
    Profile,
    Vendor,
    base_path_for,
    credential_header,
    overridden,
    profile_for,
    vendor_for,
)
from proxy.providers.profiles.families import FAMILIES
from tests.paths import DOCS

NOT_VENDORS = {"base", "families", "lookup", "overrides", "schema_dialects", "vendors"}
DOCUMENT = DOCS / "providers.md"
VENDOR = pytest.mark.parametrize("vendor", PROFILES, ids=lambda vendor: str(vendor.name))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        pytest.param("api.groq.com", "groq", id="an exact host"),
        pytest.param("API.Groq.COM", "groq", id="any case"),
        pytest.param("api.groq.com.", "groq", id="a trailing dot"),
        pytest.param("api.groq.com:8443", "groq", id="any port"),
        pytest.param("a.b.openai.azure.com", "azure", id="a subdomain at any depth"),
        pytest.param("coding.dashscope.aliyuncs.com", "qwen", id="exact before suffix"),
        pytest.param("groq.com", "default", id="the domain above"),
        pytest.param("xapi.groq.com", "default", id="another host that ends alike"),
        pytest.param("api.groq.com.example", "default", id="another host that begins alike"),
        pytest.param("", "default", id="no host"),
        pytest.param(":::", "default", id="nonsense"),
        pytest.param("[::1", "default", id="an open bracket"),
        pytest.param("gateway.example.com", "default", id="an unknown host"),
        pytest.param("localhost:4000", "default", id="an unknown port"),
    ],
)
def test_vendor_for(host: str, name: str) -> None:
    assert vendor_for(host).name == name
    assert profile_for(host, "some-model").name == name


def test_an_unknown_host_gets_the_defaults() -> None:
    assert vendor_for("gateway.example.com") is UNKNOWN
    assert profile_for("gateway.example.com", "some-model") == Profile()
    assert base_path_for("gateway.example.com") is None
    assert base_path_for("gateway.example.com", "/v1") is None
    assert credential_header("gateway.example.com", "k") == ("authorization", "Bearer k")


def test_a_model_name_of_any_length_is_looked_at_in_no_time() -> None:
    assert profile_for("gateway.example.com", "gpt-4o" + "-x" * 1_000_000).max_output is None
    assert profile_for("gateway.example.com", "gpt-5" + "x" * 2_000_000).no_sampling


@VENDOR
def test_every_flag_of_a_vendor_is_valid(vendor: Vendor) -> None:
    overridden(Profile(), vendor.flags)
    for model_rule in (*FAMILIES, *vendor.models):
        overridden(Profile(), model_rule.flags)


@VENDOR
def test_every_base_path_is_one(vendor: Vendor) -> None:
    for path in vendor.hosts.values():
        assert path.startswith("/")
        assert not path.endswith("/")


def test_no_host_belongs_to_two_vendors() -> None:
    patterns = [pattern for vendor in PROFILES for pattern in vendor.hosts]
    assert len(patterns) == len(set(patterns))


def test_every_module_is_in_the_tuple() -> None:
    modules = {module.name for module in pkgutil.iter_modules(proxy.providers.profiles.__path__)}
    assert modules - NOT_VENDORS == {vendor.name for vendor in PROFILES}


@VENDOR
def test_every_vendor_is_documented_with_its_hosts(vendor: Vendor) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    missing = [pattern for pattern in vendor.hosts if f"`{pattern}`" not in document]
    assert f"`{vendor.name}`" in document
    assert missing == []
