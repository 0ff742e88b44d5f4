"""A tool server for Claude Code with one tool whose name is too long for Chat Completions.

Its argument is the number of other tools. Run by the client as a subprocess; it speaks JSON-RPC on standard input and output, line by line.
"""

from __future__ import annotations

import json
import sys
from typing import Any

TOOL = "look_up_the_phase_of_the_moon_for_a_place_and_a_moment_in_time"
PHASE = "waxing gibbous"
OTHERS = int(sys.argv[1]) if __name__ == "__main__" and sys.argv[1:] else 0


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """The result for one request."""
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "almanac", "version": "1"},
        }
    if method == "tools/list":
        schema = {"type": "object"}
        described = {TOOL: "The moon."} | {f"other_{n}": f"Nothing, {n}." for n in range(OTHERS)}
        return {
            "tools": [
                {"name": name, "description": text, "inputSchema": schema}
                for name, text in described.items()
            ]
        }
    if method == "tools/call":
        return {"content": [{"type": "text", "text": PHASE}]}
    return {}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            result = answer(request["method"], request.get("params", {}))
            reply = {"jsonrpc": "2.0", "id": request["id"], "result": result}
            sys.stdout.write(json.dumps(reply) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
