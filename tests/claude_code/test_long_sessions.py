"""Claude Code's sessions go on: with a picture in their history that is refused, and over 60 turns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.claude_code.client import ClaudeCode
from tests.claude_code.samples import DONE, assert_succeeded, messages_of, png
from tests.claude_code.strict_upstream import Answer, Refusal, Reply, StrictUpstream, ToolCall

TURNS = 60


def shows_a_picture(body: Mapping[str, Any]) -> bool:
    return "data:image/" in json.dumps(body["messages"])


@pytest.mark.long(except_every=3)
@pytest.mark.parametrize(
    ("refusal", "accepted_before", "told"),
    [
        pytest.param(
            Refusal(400, {"message": "Invalid image.", "code": "invalid_image_format"}), 2, False, id="a code"
        ),
        pytest.param(
            Refusal(400, {"message": "Unable to process input image. Please retry"}), 0, False, id="Gemini"
        ),
        pytest.param(
            Refusal(400, {"message": "cannot identify image file <_io.BytesIO object>"}), 1, False, id="vLLM"
        ),
        pytest.param(
            Refusal(500, {"message": "Failed to load image or audio file"}), 0, False, id="llama.cpp"
        ),
        pytest.param(
            Refusal(422, {"message": "At most 1 image(s) may be provided in one request."}), 1, True, id="too many"
        ),
        pytest.param(
            Refusal(413, {"message": "Image size is too large", "code": "image_too_large"}), 2, True, id="413"
        ),
    ],
)  # fmt: skip
def test_a_bad_picture_in_the_history(
    refusal: Refusal,
    accepted_before: int,
    told: bool,
    claude: ClaudeCode,
    upstream: StrictUpstream,
) -> None:
    """The upstream takes it a few times, as another model or server does, and then never again.

    ``told``: the proxy leaves the refusal to the client, which then removes the picture for good.
    """
    picture, note = claude.directory / "picture.png", claude.directory / "note.txt"
    picture.write_bytes(png())
    note.write_text("foxes\n")
    shown: list[bool] = []

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        shown.append(shows_a_picture(body))
        if sum(shown) > accepted_before and shown[-1]:
            return refusal
        read = len(messages_of(body, "tool"))
        if read > accepted_before:
            return DONE
        return Answer(calls=(ToolCall("Read", {"file_path": str(note if read else picture)}),))

    upstream.play(script)
    assert_succeeded(claude.run("look at the picture"))
    assert_succeeded(claude.run("and now?", "--continue"))
    # What follows a refusal is a request without it, by the proxy or by the client that was told.
    refused = [at for at, with_picture in enumerate(shown) if with_picture][accepted_before:]
    assert refused
    assert not any(shown[at + 1] for at in refused)
    if told:
        assert len(refused) == 1


@pytest.mark.long
def test_sixty_turns(claude: ClaudeCode, upstream: StrictUpstream) -> None:
    """Each with reasoning, text and one or two calls, whose ids the upstream repeats."""

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        if turn >= TURNS:
            return DONE
        calls = tuple(
            ToolCall("Bash", {"command": f"echo {turn}.{n}", "description": "count"})
            for n in range(1 + turn % 2)
        )
        return Answer(f"Turn {turn}.", reasoning=f"This is turn {turn}.", calls=calls)

    upstream.play(script)
    outcome = claude.run("count to sixty")
    assert_succeeded(outcome)
    assert (outcome.text, outcome.result["num_turns"]) == ("All done.", TURNS + TURNS // 2 + 1)
    assert_succeeded(claude.run("and now?", "--continue"))
    turns = [m for m in upstream.accepted[-1]["messages"] if m["role"] == "assistant"]
    # The client answers parallel calls in the order in which they end.
    result_for_id = {
        m["tool_call_id"]: m["content"].strip()
        for m in upstream.accepted[-1]["messages"]
        if m["role"] == "tool"
    }
    calls = [call for turn in turns for call in turn.get("tool_calls", ())]
    assert len(calls) == len(result_for_id) == TURNS + TURNS // 2
    for call in calls:
        command = json.loads(call["function"]["arguments"])["command"]
        assert command == f"echo {result_for_id[call['id']]}"
    said = [turn["content"] for turn in turns]
    assert said == [*(f"Turn {turn}." for turn in range(TURNS)), "All done."]
