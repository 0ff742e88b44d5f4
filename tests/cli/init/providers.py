"""A scripted provider: it lists models, knows one key and answers requests for its models."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.upstream_stub import Recorded, Script, completion, json_answer

RIGHT, WRONG = "right-key-123456", "wrong-key-123456"


def provider(
    models: Sequence[str], *, key: str | None = RIGHT, listed: Sequence[str] | None = None
) -> Callable[[Recorded], Script]:
    """``listed``: what it lists, if that is not what it answers for; ``key`` None: needs none."""

    def answer(recorded: Recorded) -> Script:
        headers = recorded.headers
        sent = headers.get("api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if key is not None and sent != key:
            return refusal(401, f"Incorrect API key provided: {sent}")
        if recorded.method == "GET":
            return json_answer(
                {"data": [{"id": id} for id in (models if listed is None else listed)]}
            )
        model = recorded.json["model"]
        if model not in models:
            return refusal(404, f"The model `{model}` does not exist", "model_not_found")
        return json_answer(completion("ready"))

    return answer


def refusal(status: int, message: str, code: str | None = None) -> Script:
    """An error in OpenAI's form."""
    return json_answer({"error": {"message": message, "code": code}}, status=status)
