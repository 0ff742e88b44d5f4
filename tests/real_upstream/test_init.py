"""``claude-proxy init`` with llama.cpp's server."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import run


def test_a_local_server_in_one_command(llama_url: str, tmp_path: Path) -> None:
    done = run(tmp_path, "init", "--provider", "ollama", "--base-url", f"{llama_url}/v1", "--yes")
    assert done.returncode == 0, done.stderr
    assert "tiny-random answers (" in done.stdout
    lines = (tmp_path / ".env").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        f"OPENAI_BASE_URL={llama_url}/v1",
        "OPENAI_API_KEY=unused",
        "CLAUDE_PROXY_BIG_MODEL=tiny-random",
        "CLAUDE_PROXY_MIDDLE_MODEL=tiny-random",
        "CLAUDE_PROXY_SMALL_MODEL=tiny-random",
        "CLAUDE_PROXY_HOST=127.0.0.1",
    ]
    assert run(tmp_path, "--check").returncode == 0
