"""Files as the older proxies' own descriptions show them, taken over as docs/switching.md says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.settings import Settings
from proxy.cli.environment import current_settings

FASTAPI = """\
OPENAI_API_KEY=sk-your-production-key # enables Fixed API Key Mode
CLAUDE_PROXY_AUTH_KEY=sk-your-own-key # optional
OPENAI_BASE_URL=https://api.openai.com/v1
CLAUDE_PROXY_BIG_MODEL=gpt-4o
CLAUDE_PROXY_SMALL_MODEL=gpt-4o-mini
CLAUDE_PROXY_LOG_LEVEL=INFO
"""
CLAUDE_CODE_PROXY = """\
OPENAI_API_KEY="dummy-key"  # Required but can be dummy
OPENAI_BASE_URL="http://localhost:11434/v1"
BIG_MODEL="llama3.1:70b"
SMALL_MODEL="llama3.1:8b"
HOST=0.0.0.0
PORT=8082
LOG_LEVEL=INFO  # Set to INFO or DEBUG to see token usage logs
MAX_TOKENS_LIMIT=4096
MIN_TOKENS_LIMIT=100
DEFAULT_MAX_TOKENS=1024
REQUEST_TIMEOUT=90
ENABLE_TOKEN_ESTIMATION=false
"""
MODELS_YAML = """\
models:
  claude-3-5-sonnet-direct:
    model_name: claude-3-5-sonnet-20241022
    api_base: https://api.anthropic.com
    api_key_name: ANTHROPIC_API_KEY
    direct: true  # Enable direct Claude API mode
    max_tokens: 8k   # Supports shorthand: 8k, 16k, 32k, etc.
    max_input_tokens: 200k
  deepseek-v3:
    model_name: deepseek-chat
    api_base: https://api.deepseek.com/v1
    api_key_name: DEEPSEEK_API_KEY
    direct: false  # Use OpenAI-compatible mode (default)
    max_tokens: 8K   # Supports shorthand notation
    max_input_tokens: 128k
"""
CONFIG_JSON = """\
{
  "ak": "your-proxy-api-key",
  "port": 8888,
  "upstream_timeout_seconds": 120,
  "log_body_max_chars": 4096,
  "log_stream_text_preview_chars": 256,
  "providers": [
    {
      "base_url": "https://api.example.com",
      "api_key": "your-upstream-api-key",
      "models": [
        {"id": "glm", "display_name": "glm4.7", "remote_id": "deepseek-chat"},
        {"id": "minimax", "display_name": "", "remote_id": ""}
      ]
    }
  ]
}
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; nothing is set in the environment."""
    for name in os.environ:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def taken(settings: Settings, *fields: str) -> list[object]:
    """The values of ``fields``; no variable is told to be wrong."""
    assert settings.mistakes == ()
    return [getattr(settings, field) for field in fields]


def test_env_of_claude_api_proxy(directory: Path) -> None:
    (directory / ".env").write_text(FASTAPI)
    fields = ("openai_api_key", "auth_keys", "openai_base_url", "big_model", "small_model", "port")
    assert taken(current_settings(), *fields) == [
        "sk-your-production-key",
        ("sk-your-own-key",),
        "https://api.openai.com/v1",
        "gpt-4o",
        "gpt-4o-mini",
        8085,
    ]


def test_env_of_claude_code_proxy(directory: Path) -> None:
    (directory / ".env").write_text(CLAUDE_CODE_PROXY)
    settings = current_settings()
    upstream = ("openai_api_key", "openai_base_url", "big_model", "small_model")
    assert taken(settings, *upstream) == [
        "dummy-key",
        "http://localhost:11434/v1",
        "llama3.1:70b",
        "llama3.1:8b",
    ]
    limits = ("max_tokens_limit", "min_tokens_limit", "default_max_tokens", "request_timeout")
    assert taken(settings, *limits) == [4096, 100, 1024, 90]
    server = ("host", "port", "log_level", "enable_token_estimation")
    assert taken(settings, *server) == ["0.0.0.0", 8082, "INFO", False]


@pytest.mark.parametrize("variable", ["CLAUDE_PROXY_CONFIG", "CUSTOM_MODELS_FILE"])
def test_models_yaml(directory: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    (directory / "models.yaml").write_text(MODELS_YAML)
    # A key that the file does not name is no mistake.
    keys = "ANTHROPIC_API_KEY=sk-ant-1\nDEEPSEEK_API_KEY=sk-2\nOPENROUTER_API_KEY=sk-3\n"
    (directory / ".env").write_text(keys)
    monkeypatch.setenv(variable, "models.yaml")
    settings = current_settings()
    assert settings.mistakes == ()
    assert settings.registry is not None
    assert [
        (
            m.id,
            m.remote_id,
            m.max_tokens,
            m.max_input_tokens,
            m.provider.native,
            m.provider.api_keys,
        )
        for m in settings.registry.models
    ] == [
        (
            "claude-3-5-sonnet-direct",
            "claude-3-5-sonnet-20241022",
            8000,
            200_000,
            True,
            ("sk-ant-1",),
        ),
        ("deepseek-v3", "deepseek-chat", 8000, 128_000, False, ("sk-2",)),
    ]


def test_models_yaml_that_no_variable_names(directory: Path) -> None:
    (directory / "models.yaml").write_text(MODELS_YAML)
    (directory / ".env").write_text("ANTHROPIC_API_KEY=sk-ant-1\n")
    settings = current_settings()
    assert settings.registry is None
    assert [warning for warning in settings.warnings if "models.yaml" in warning] == [
        "models.yaml in the working directory is not read: set CLAUDE_PROXY_CONFIG=models.yaml "
        "(or --config) if it holds your providers and models"
    ]
    assert settings.mistakes == (
        "ANTHROPIC_API_KEY (.env) is not read: write OPENAI_API_KEY, or set CLAUDE_PROXY_CONFIG "
        "to the registry file whose api_key_env (api_key_name) is ANTHROPIC_API_KEY",
    )


def test_config_json(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "config.json").write_text(CONFIG_JSON)
    monkeypatch.setenv("CONFIG_PATH", "config.json")
    settings = current_settings()
    fields = (
        *("auth_keys", "port", "request_timeout"),
        *("log_body_max_chars", "log_stream_text_preview_chars"),
    )
    assert taken(settings, *fields) == [("your-proxy-api-key",), 8888, 120, 4096, 256]
    assert settings.registry is not None
    (provider,) = settings.registry.providers
    assert (provider.base_url, provider.api_keys) == (
        "https://api.example.com/v1",
        ("your-upstream-api-key",),
    )
    assert [(m.id, m.remote_id, m.display_name) for m in settings.registry.models] == [
        ("glm", "deepseek-chat", "glm4.7"),
        ("minimax", "minimax", None),
    ]
