"""What an answer to a probe tells: one row for each verdict."""

from __future__ import annotations

import pytest

from proxy.cli.doctor import judges
from proxy.cli.doctor.answers import Answer
from proxy.cli.doctor.judges import Judge

PARIS = ("get_weather", '{"city": "Paris"}')
CUT = Answer(text="hm", finish_reason="length")


def said(text: str, finish: str = "stop") -> Answer:
    return Answer(text=text, finish_reason=finish)


@pytest.mark.parametrize(
    ("judge", "answer", "outcome"),
    [
        pytest.param(judges.judge_answer, said("ready"), "works", id="text"),
        pytest.param(judges.judge_answer, Answer(reasoning=("reasoning",)), "works", id="thought"),
        pytest.param(judges.judge_answer, Answer(tagged=True), "works", id="tagged thought"),
        pytest.param(judges.judge_answer, Answer(), "accepted", id="nothing in it"),
        pytest.param(judges.judge_output_limit, CUT, "works", id="cut at the limit"),
        pytest.param(
            judges.judge_output_limit,
            Answer(finish_reason="stop", usage={"completion_tokens": 300}),
            "ignored",
            id="more tokens than asked for",
        ),
        pytest.param(
            judges.judge_output_limit, said("1 " * 500), "ignored", id="more text than possible"
        ),
        pytest.param(judges.judge_output_limit, said("1 2 3"), "accepted", id="short by itself"),
        pytest.param(judges.judge_streaming, Answer(streamed=True), "works", id="a stream"),
        pytest.param(judges.judge_streaming, said("x"), "ignored", id="whole instead"),
        pytest.param(
            judges.judge_stream_usage, Answer(usage={"prompt_tokens": 1}), "works", id="usage"
        ),
        pytest.param(judges.judge_stream_usage, Answer(), "accepted", id="no usage"),
        pytest.param(judges.judge_tools, Answer(calls=(PARIS,)), "works", id="a call"),
        pytest.param(
            judges.judge_tools,
            Answer(calls=(("get_weather", '{"city'),)),
            "accepted",
            id="broken arguments",
        ),
        pytest.param(
            judges.judge_tools, Answer(calls=(("other", "{}"),)), "accepted", id="another tool"
        ),
        pytest.param(judges.judge_tools, said("sunny"), "accepted", id="no call"),
        pytest.param(judges.judge_tools, CUT, "unclear", id="cut before a call"),
        pytest.param(
            judges.judge_parallel_tools, Answer(calls=(PARIS, PARIS)), "works", id="two calls"
        ),
        pytest.param(judges.judge_parallel_tools, Answer(calls=(PARIS,)), "none", id="one call"),
        pytest.param(judges.judge_parallel_tools, said("sunny"), "accepted", id="none of two"),
        pytest.param(
            judges.judge_parallel_flag, Answer(calls=(PARIS, PARIS)), "ignored", id="two of one"
        ),
        pytest.param(judges.judge_parallel_flag, Answer(calls=(PARIS,)), "works", id="one of one"),
        pytest.param(judges.judge_parallel_flag, said("sunny"), "accepted", id="none of one"),
        pytest.param(judges.judge_named_choice, Answer(calls=(PARIS,)), "works", id="forced"),
        pytest.param(judges.judge_named_choice, said("hello"), "ignored", id="not forced"),
        pytest.param(judges.judge_named_choice, CUT, "unclear", id="cut before the forced call"),
        pytest.param(judges.judge_required_choice, Answer(calls=(PARIS,)), "works", id="required"),
        pytest.param(judges.judge_required_choice, said("hello"), "ignored", id="not required"),
        pytest.param(judges.judge_image, said("It is Red."), "works", id="the colour"),
        pytest.param(judges.judge_image, said("红色"), "works", id="the colour in Chinese"),
        pytest.param(
            judges.judge_image, said("I was rendered blind"), "accepted", id="no word of red"
        ),
        pytest.param(
            judges.judge_reasoning, Answer(reasoning=("reasoning_content",)), "works", id="a member"
        ),
        pytest.param(judges.judge_reasoning, Answer(tagged=True), "works", id="tags"),
        pytest.param(judges.judge_reasoning, said("hm</think>391"), "ignored", id="half a tag"),
        pytest.param(judges.judge_reasoning, said("391"), "none", id="no reasoning"),
        pytest.param(judges.judge_developer, said("Pineapple!"), "works", id="followed"),
        pytest.param(judges.judge_developer, said("Hello"), "accepted", id="not followed"),
        pytest.param(judges.judge_json_schema, said('{"ok": true}\n'), "works", id="the schema"),
        pytest.param(judges.judge_json_schema, said('{"ok": 1}'), "ignored", id="another type"),
        pytest.param(judges.judge_json_schema, said('{"a": true}'), "ignored", id="another name"),
        pytest.param(
            judges.judge_json_schema, said('```json\n{"ok": true}\n```'), "ignored", id="fenced"
        ),
        pytest.param(judges.judge_json_schema, said("[" * 9999), "ignored", id="far too deep"),
        pytest.param(judges.judge_json_schema, CUT, "unclear", id="cut JSON"),
        pytest.param(judges.judge_json_object, said('{"a": 1}'), "works", id="any object"),
        pytest.param(judges.judge_json_object, said("yes"), "ignored", id="no object"),
        pytest.param(judges.judge_stop, said("1 2 3 4 5 6 "), "works", id="stopped"),
        pytest.param(judges.judge_stop, said("1 2 3 4 5 6 7 8"), "ignored", id="went on"),
        pytest.param(judges.judge_stop, said("hello"), "accepted", id="did not count"),
        pytest.param(
            judges.judge_stop, said("1 2 3 4 5", "length"), "accepted", id="cut, not stopped"
        ),
    ],
)
def test_verdicts(judge: Judge, answer: Answer, outcome: str) -> None:
    assert judge(answer).outcome == outcome


@pytest.mark.parametrize("answer", [Answer(tagged=True), Answer(text="so </think> yes")])
def test_tags_are_told_in_plain_words(answer: Answer) -> None:
    meaning = judges.judge_reasoning(answer).meaning
    assert "reasoning in tags" in meaning
    assert "<" not in meaning


def test_only_tags_are_a_flag_of_the_judges_own() -> None:
    assert judges.judge_reasoning(Answer(tagged=True)).flags == {"think_tags": True}
    assert judges.judge_reasoning(Answer(reasoning=("reasoning",))).flags == {}


def test_the_spelling_of_reasoning_is_named() -> None:
    judgement = judges.judge_reasoning(Answer(reasoning=("reasoning_details", "reasoning")))
    assert judgement.meaning == "thinking is returned as reasoning_details, reasoning"
