from __future__ import annotations

import pytest

from proxy.tokens.encodings import ENCODING_NAMES, encoding_for
from proxy.tokens.tables import load_table, load_tables

CL100K, O200K, HARMONY = "cl100k_base", "o200k_base", "o200k_harmony"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param("gpt-4o", O200K, id="6 tiktoken's own list"),
        pytest.param("gpt-4o-2024-11-20", O200K, id="6 tiktoken's own prefixes"),
        pytest.param("chatgpt-4o-latest", O200K, id="6 tiktoken's chatgpt"),
        pytest.param("ft:gpt-4o-mini:acme::abc", O200K, id="6 tiktoken's fine-tuned models"),
        pytest.param("gpt-35-turbo-16k", CL100K, id="6 Azure's deployment names"),
        pytest.param("gpt-4omni", O200K, id="6 gpt-4o*"),
        pytest.param("gpt-4.1", O200K, id="6 gpt-4.1"),
        pytest.param("gpt-4.5", O200K, id="6 gpt-4.5"),
        pytest.param("gpt-5.2-codex", O200K, id="6 gpt-5*"),
        pytest.param("gpt-6", O200K, id="6 gpt-6"),
        pytest.param("gpt-6.1-mini", O200K, id="6 gpt-6*"),
        pytest.param("o1", O200K, id="6 o1"),
        pytest.param("o3-mini", O200K, id="6 o3-*"),
        pytest.param("o9", O200K, id="6 any o<digit>"),
        pytest.param("olmo-2", CL100K, id="6 o without a digit"),
        pytest.param("gpt-oss-120b", HARMONY, id="6 gpt-oss-*"),
        pytest.param("gpt-oss:20b", HARMONY, id="6 gpt-oss with a tag"),
        pytest.param("gpt-4", CL100K, id="6 gpt-4"),
        pytest.param("gpt-4_custom", CL100K, id="6 gpt-4*"),
        pytest.param("gpt-3.5", CL100K, id="6 gpt-3.5"),
        pytest.param("gpt-3.5x", CL100K, id="6 gpt-3.5*"),
        pytest.param("openai/gpt-4o", O200K, id="6 vendor prefix"),
        pytest.param("accounts/fireworks/models/gpt-oss-20b", HARMONY, id="6 long vendor prefix"),
        pytest.param("GPT-4o", O200K, id="6 capital letters"),
        pytest.param("qwen3-coder-plus", CL100K, id="6 other models get the default"),
        pytest.param("claude-opus-4-8", CL100K, id="6 Claude gets the default"),
        pytest.param("text-davinci-003", CL100K, id="6 an encoding without a table"),
        pytest.param("", CL100K, id="6 no name at all"),
    ],
)
def test_encoding_for_a_model(model: str, expected: str) -> None:
    assert encoding_for(model) == expected


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        pytest.param("o200k_base", O200K, id="6 an encoding's name"),
        pytest.param(" cl100k_base ", CL100K, id="6 spaces around it"),
        pytest.param("gpt-oss-20b", HARMONY, id="6 a model's name"),
        pytest.param("openai/gpt-6", O200K, id="6 a model's name with its vendor"),
    ],
)
def test_override_wins(override: str, expected: str) -> None:
    assert encoding_for("gpt-4", override) == expected
    assert encoding_for("gpt-4o", override) == expected


@pytest.mark.parametrize(
    "override",
    [
        pytest.param("", id="6 empty"),
        pytest.param("o200k", id="6 half a name"),
        pytest.param("qwen3", id="6 a model nobody knows"),
        pytest.param("p50k_base", id="6 an encoding without a table"),
        pytest.param("text-davinci-003", id="6 a model whose encoding has no table"),
    ],
)
def test_unknown_override_is_refused(override: str) -> None:
    with pytest.raises(ValueError, match=r"is neither an encoding .*o200k_harmony.* nor a known"):
        encoding_for("gpt-4o", override)


def test_every_name_has_a_table() -> None:
    assert load_tables(ENCODING_NAMES) == ()
    assert all(map(load_table, ENCODING_NAMES))
