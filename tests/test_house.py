"""The rules of the house that a machine can check (docs/architecture.md)."""

from __future__ import annotations

import ast
import configparser
import http.client
import json
import re
import shutil
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import requests
from packaging.requirements import Requirement

from config.settings import Settings
from config.variables.table import CUSTOM_HEADER_PREFIX, VARIABLES
from proxy.app import create_app
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.providers.profiles.base import Profile
from proxy.schemas.blocks import RESULT_BLOCKS
from proxy.schemas.content import BLOCKS
from proxy.schemas.tool_changes import TOOL_CHANGES
from tests.claude_code.client import VERSION as CLAUDE_CODE_VERSION
from tests.cli.command import run, run_module
from tests.house_copy import house_copy
from tests.live import LiveProxy, live_proxy
from tests.paths import ROOT
from tests.upstream_stub import UpstreamStub, completion, json_answer

SOURCES = sorted(
    [
        *(ROOT / "config").rglob("*.py"),
        *(ROOT / "proxy").rglob("*.py"),
        ROOT / "claude_messages_proxy.py",
        ROOT / "wsgi.py",
    ]
)
LONGEST_MODULE = 400
LONGEST_FUNCTION = 60
MEDIAN_FUNCTION = 9
MOST_PACKAGES = 13
MOST_FILES = 9
LONGEST_CONTRACT = 60
"""Lines of setup.cfg, from [importlinter] on."""
HOMES = {
    ("flask", "werkzeug"): ("proxy/api/", "proxy/app.py"),
    ("requests", "urllib3", "sseclient"): ("proxy/upstream/",),
}
"""Libraries, and the only places that import them."""
METAPHORS = re.compile(r"\b(whoever|nobody|somebody|whose turn|owe[ds]?|lesson)\b", re.IGNORECASE)
MOST_UNCLEAR_WORDS = 0
TEXTS = {".css", ".html", ".js", ".md", ".py", ".svg", ".toml", ".yaml"}
NAMELESS_MODULES = {"base_utils", "common", "constants", "helper", "helpers", "misc", "utils"}

OPEN_PATHS = {
    "/",
    "/status",
    "/health",
    "/healthz",
    "/livez",
    "/readyz",
    "/favicon.ico",
    "/openapi.json",
    "/api/event_logging/x",
}
"""docs/features.md "Endpoints": open to every client, which no declaration alone may change."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_modules_are_short() -> None:
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {module: n for module, n in lengths.items() if n > LONGEST_MODULE} == {}


def _function_lengths(paths: Iterable[Path]) -> dict[str, int]:
    return {
        f"{name(path)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in paths
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_functions_are_short() -> None:
    lengths = _function_lengths(SOURCES)
    assert [function for function, n in lengths.items() if n > LONGEST_FUNCTION] == []


def test_most_functions_are_very_short() -> None:
    lengths = _function_lengths((ROOT / "proxy").rglob("*.py"))
    assert statistics.median(lengths.values()) <= MEDIAN_FUNCTION


def test_the_package_has_few_modules() -> None:
    inside = list((ROOT / "proxy").iterdir())
    packages = {path.name for path in inside if (path / "__init__.py").is_file()}
    files = {path.name for path in inside if path.is_file()} - {"__init__.py", "__main__.py"}
    assert len(packages) <= MOST_PACKAGES, packages
    assert len(files) <= MOST_FILES, files


@pytest.mark.parametrize(("libraries", "homes"), HOMES.items())
def test_libraries_are_imported_in_one_place(
    libraries: tuple[str, ...], homes: tuple[str, ...]
) -> None:
    importing = {
        name(path)
        for path in SOURCES
        for node in ast.walk(tree(path))
        for module in _imported(node)
        if module.partition(".")[0] in libraries
    }
    assert {path for path in importing if not path.startswith(homes)} == set()


def test_the_import_contract_is_short() -> None:
    text = (ROOT / "setup.cfg").read_text("utf-8").partition("[importlinter]")[2]
    assert len(text.splitlines()) <= LONGEST_CONTRACT


def test_prose_is_plain() -> None:
    found = [
        f"{name(path)}:{number}"
        for folder in ("config", "docs", "proxy")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in TEXTS
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if METAPHORS.search(line)
    ]
    assert len(found) <= MOST_UNCLEAR_WORDS, found


def test_modules_are_named_after_a_subject_and_say_their_rule() -> None:
    assert [name(path) for path in SOURCES if path.stem in NAMELESS_MODULES] == []
    assert [name(path) for path in SOURCES if not ast.get_docstring(tree(path))] == []


def test_one_handler_catches_everything() -> None:
    catching = [
        name(path) for path in SOURCES for node in ast.walk(tree(path)) if _catches_everything(node)
    ]
    assert catching == ["proxy/api/errors.py"]


def _catches_everything(node: ast.AST) -> bool:
    """``except Exception``, a bare ``except``, and Flask's registration of the same."""
    if isinstance(node, ast.ExceptHandler):
        return node.type is None or "Exception" in _names(node.type)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("register_error_handler", "errorhandler")
        and any("Exception" in _names(argument) for argument in node.args)
    )


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def test_only_the_command_line_reads_the_environment() -> None:
    reading = {
        name(path)
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    }
    assert {path for path in reading if not path.startswith("proxy/cli/")} == set()


@pytest.mark.parametrize(
    "variable", sorted({name for v in VARIABLES for name in v.names} | {CUSTOM_HEADER_PREFIX})
)
def test_every_variable_is_in_the_table_of_the_configuration(variable: str) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    first_cells = [row.split("|")[1] for row in text.splitlines() if row.startswith("|")]
    end = "" if variable == CUSTOM_HEADER_PREFIX else "`"
    assert any(f"`{variable}{end}" in cell for cell in first_cells)


def test_every_route_needs_the_key_unless_it_is_open() -> None:
    settings = Settings(
        openai_base_url="http://127.0.0.1:9/v1", openai_api_key="k", auth_keys=("secret",)
    )
    app = create_app(settings)
    client = app.test_client()
    open_paths = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "x", rule.rule)
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            if client.open(path, method=method).status_code != 401:
                open_paths.add(path)
    assert open_paths == OPEN_PATHS


def _documented_block_types() -> set[str]:
    text = (ROOT / "docs" / "protocol.md").read_text("utf-8")
    table = text.partition("### 1.2 ")[2].partition("### 1.3 ")[0]
    first_cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    return {word for cell in first_cells for word in re.findall(r"`([a-z_*]+)`", cell)}


def test_every_documented_block_type_has_a_schema() -> None:
    # The row of images says "`file` source", which is no block.
    documented = _documented_block_types() - {"file"}
    server_results = {tag for tag in BLOCKS if tag.endswith("_tool_result")}
    known = (BLOCKS.keys() | RESULT_BLOCKS.keys()) - server_results
    assert documented == known | {"*_tool_result", "mcp_tool_result"}


TEXT = {"type": "text", "text": "t"}
CALL = {"id": "toolu_1", "name": "f", "input": {}}
RESULT = {"tool_use_id": "toolu_1", "content": [TEXT]}
FAILED = {"type": "web_search_tool_result_error", "error_code": "unavailable"}
SAMPLES: dict[str, dict[str, Any]] = {
    "text": {"text": "t"},
    "image": {"source": {"type": "url", "url": "https://x.test/a.png"}},
    "document": {"source": {"type": "text", "media_type": "text/plain", "data": "d"}},
    "search_result": {"source": "s", "title": "t", "content": [TEXT]},
    "tool_use": CALL,
    "tool_result": RESULT,
    "thinking": {"thinking": "t", "signature": "s"},
    "redacted_thinking": {"data": "d"},
    "server_tool_use": CALL,
    "mcp_tool_use": CALL,
    "mcp_tool_result": RESULT,
    "mid_conv_system": {"text": "t"},
    "compaction": {"content": "c"},
}
ASSISTANTS = {"tool_use", "thinking", "redacted_thinking", "server_tool_use", "mcp_tool_use"}


@pytest.mark.parametrize("block_type", sorted(BLOCKS.keys() - TOOL_CHANGES))
def test_every_block_type_has_a_converter(block_type: str) -> None:
    sample = SAMPLES.get(block_type, {})
    if block_type.endswith("_tool_result") and not sample:
        sample = {"tool_use_id": "toolu_1", "content": FAILED}
    block = {"type": block_type, **sample}
    question = {"role": "user", "content": [TEXT]}
    turns: list[dict[str, Any]] = [question, {"role": "assistant", "content": [block, TEXT]}]
    if block_type == "tool_use":
        turns.append({"role": "user", "content": [{"type": "tool_result", **RESULT}]})
    elif block_type == "tool_result":
        calls = {"role": "assistant", "content": [{"type": "tool_use", **CALL}]}
        turns = [question, calls, {"role": "user", "content": [block]}]
    elif block_type not in ASSISTANTS and not block_type.endswith("_tool_result"):
        turns = [{"role": "user", "content": [block, TEXT]}]
    request = {"model": "m", "max_tokens": 9, "messages": turns}
    chat = message_request_to_chat(request, Profile(), model="m", max_tokens=9)
    assert chat.body["messages"]


def test_imports_point_one_way() -> None:
    lint = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert lint is not None, "import-linter is not installed: make setup"
    done = subprocess.run(
        [lint, "--no-cache", "--config", "setup.cfg"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def _setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return setup


def test_every_imported_package_is_a_declared_dependency() -> None:
    setup = _setup()
    lines = setup["options"]["install_requires"]
    for extra in ("otel", "sentry"):
        lines += "\n" + setup["options.extras_require"][extra]
    declared = {Requirement(line).name.lower() for line in lines.split("\n") if line.strip()}
    providers = packages_distributions()
    imported = {
        module.split(".")[0]
        for path in SOURCES
        for node in ast.walk(tree(path))
        for module in _imported(node)
    }
    ours = {"claude_messages_proxy", "config", "proxy"}
    foreign = imported - set(sys.stdlib_module_names) - ours
    undeclared = {
        module
        for module in foreign
        if not {p.lower().replace("_", "-") for p in providers[module]} & declared
    }
    # Flask is Werkzeug; whoever installs one has the other.
    assert undeclared - {"werkzeug"} == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module]
    return []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_hold_hashes_and_no_addresses(lock: str) -> None:
    text = (ROOT / "deploy" / lock).read_text("utf-8")
    assert "://" not in text
    pins = re.findall(r"^([a-z0-9.-]+)==\S+.*\n(?:.*\\\n)*.*--hash=sha256:", text, re.M)
    assert len(pins) == len(re.findall(r"^[a-z0-9]", text, re.M)) > 20
    setup = _setup()
    wanted = setup["options"]["install_requires"]
    if lock == "requirements-dev.lock":
        wanted += setup["options.extras_require"]["dev"]
    named = {Requirement(line).name for line in wanted.split("\n") if line.strip()}
    assert {n.lower() for n in named} <= set(pins)


def test_the_makefile_installs_the_client_that_the_tests_know() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert f"CLAUDE_CODE := {CLAUDE_CODE_VERSION}\n" in makefile


def _tracked_files() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git clone: which files belong to it is not known")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    paths = [ROOT / path for path in listed.decode().split("\0") if path]
    return [path for path in paths if path.is_file()]


def test_no_file_tells_of_the_machine_that_wrote_it() -> None:
    hosts = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", ""))]
    paths = [str(ROOT), str(Path.home()) + "/", "/".join(("", "root", ""))]
    # A clone into / or a home at / says nothing.
    foreign = [text for text in (*hosts, *paths) if len(text) > 3]
    found = [
        f"{name(path)}: {text}"
        for path in _tracked_files()
        for text in foreign
        if text.encode() in path.read_bytes()
    ]
    assert found == []


TOY_VARIABLE = """\
    toy_timeout: float = setting(
        7.5, Seconds(), own("TOY_TIMEOUT"), "Seconds that a toy may take"
    )
"""


def test_an_environment_variable_takes_one_place(tmp_path: Path) -> None:
    """docs/architecture.md "Where a change goes"."""
    copy = house_copy(tmp_path)
    copy.insert("config/variables/server.py", "    drain_delay: int", TOY_VARIABLE)
    environ = {"PYTHONPATH": str(copy.root), "CLAUDE_PROXY_TOY_TIMEOUT": "3"}

    shown = run(tmp_path, "--print-config", environ=environ)
    assert ["CLAUDE_PROXY_TOY_TIMEOUT", "3", "environment"] in map(
        str.split, shown.stdout.splitlines()
    )
    refused = run(tmp_path, "--check", environ=environ | {"CLAUDE_PROXY_TOY_TIMEOUT": "soon"})
    assert refused.returncode == 1
    assert "CLAUDE_PROXY_TOY_TIMEOUT='soon' must be seconds" in refused.stderr

    assert run_module(tmp_path, "config.documentation", environ=environ).stderr == ""
    table = (copy.root / "docs" / "configuration.md").read_text("utf-8")
    assert "| `CLAUDE_PROXY_TOY_TIMEOUT` | 7.5 | Seconds that a toy may take |\n" in table
    example = (copy.root / "deploy" / ".env.example").read_text("utf-8")
    assert "# Seconds that a toy may take\n#CLAUDE_PROXY_TOY_TIMEOUT=7.5\n" in example


ANY_UPSTREAM = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
TOY_ENDPOINT = '''"""GET /v1/toy: an endpoint that a test adds."""

from flask import Blueprint, Response

from proxy.access.declaration import COUNTED
from proxy.api.openapi.answers import always
from proxy.api.openapi.operation import Operation, json_answer
from proxy.api.responses import json_response
from proxy.schemas.fields import Text, WireSchema

bp = Blueprint("toy", __name__)


class Toy(WireSchema):
    name = always(Text)


SHOW = Operation(summary="A toy", answers=json_answer("The toy.", Toy), listed="toy")


@bp.get("/v1/toy/<name>", access=COUNTED, operation=SHOW)
def show(name: str) -> Response:
    return json_response({"name": name})
'''


def test_an_endpoint_takes_two_places(tmp_path: Path) -> None:
    copy = house_copy(tmp_path)
    copy.write("proxy/api/toy.py", TOY_ENDPOINT)
    copy.insert("proxy/api/__init__.py", "\nBLUEPRINTS:", "from proxy.api import toy\n")
    copy.insert("proxy/api/__init__.py", "    view.bp,\n", "    toy.bp,\n")
    limited = {"CLAUDE_PROXY_AUTH_KEY": "front-key", "CLAUDE_PROXY_RATE_LIMIT_RPM": "1"}
    key = {"x-api-key": "front-key"}
    with live_proxy(ANY_UPSTREAM | limited, root=copy.root) as proxy:
        assert proxy.get("/v1/toy/ball")[0] == 401
        assert proxy.get("/v1/toy/ball", headers={**key, "origin": "https://x.test"})[0] == 403
        assert proxy.get("/v1/toy/ball", headers=key) == (200, {"name": "ball"})
        assert proxy.get("/v1/toy/ball", headers=key)[0] == 429
        operation = proxy.get("/openapi.json")[1]["paths"]["/v1/toy/{name}"]["get"]
        assert {"200", "401", "403", "429", "529"} <= operation["responses"].keys()
        assert operation["parameters"][0]["name"] == "name"
        assert proxy.get("/")[1]["endpoints"]["toy"] == "GET /v1/toy/{name}"
        log = proxy.logged(" GET /v1/toy/ball ", 4)
        lines = [line for line in log.splitlines() if " GET /v1/toy/ball " in line]
        assert [re.findall(r" /v1/toy/ball (\d+) ", line) for line in lines] == [
            ["401"],
            ["403"],
            ["200"],
            ["429"],
        ]


def test_a_metric_takes_one_place(tmp_path: Path) -> None:
    copy, module = house_copy(tmp_path), "proxy/telemetry/metrics.py"
    row = 'METHODS = CounterRow("methods", "By method.", ("method",), "methods", ("method",))\n'
    copy.insert(module, "COUNTERS = (\n", row)
    copy.insert(module, "    REQUESTS,\n", "    METHODS,\n")
    line = "        self._counters[METHODS].labels(record.method).inc()\n"
    copy.insert(module, "        for event in record.upstream_events:\n", line)
    with live_proxy(ANY_UPSTREAM, root=copy.root) as proxy:
        assert proxy.get("/nowhere")[0] == 404
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            proxy.url + "/metrics", timeout=5
        ) as response:
            exposition = response.read().decode()
        counted = re.search(
            r'^claude_proxy_methods_total{method="GET"} (\S+)$', exposition, re.MULTILINE
        )
        assert counted is not None
        assert float(counted[1]) >= 2
        assert proxy.get("/v1/stats")[1]["methods"]["GET"] > float(counted[1])


def test_a_provider_profile_takes_two_places(tmp_path: Path) -> None:
    """docs/architecture.md: a module in proxy/providers/profiles and its entry in PROFILES."""
    stub = UpstreamStub(default=json_answer(completion("Hello")))
    copy = house_copy(tmp_path)
    profiles = "proxy/providers/profiles"
    copy.write(f"{profiles}/toy.py", TOY_PROFILE.replace("PORT", str(stub.port)))
    copy.insert(
        f"{profiles}/vendors.py",
        "from proxy.providers.profiles.vllm import VLLM\n",
        "from proxy.providers.profiles.toy import TOY\n",
    )
    copy.insert(f"{profiles}/vendors.py", "    QINIU,\n)", "    TOY,\n")
    environ = {"OPENAI_BASE_URL": stub.origin, "OPENAI_API_KEY": "k"}
    body = {
        "model": "toy-large",
        "max_tokens": 5000,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    try:
        with live_proxy(environ, root=copy.root) as proxy:
            assert _posted(proxy, body | {"top_k": 3}) == 200
            assert _posted(proxy, body | {"model": "other"}) == 200
    finally:
        stub.close()
    large, other = stub.requests
    assert {request.target for request in stub.requests} == {"/toy/v2/chat/completions"}
    assert large.headers["api-key"] == "k"
    assert (large.json["max_completion_tokens"], large.json["top_k"]) == (4000, 3)
    assert other.json["max_completion_tokens"] == 5000


TOY_PROFILE = '''"""A toy provider."""

from proxy.providers.profiles.base import Start, Vendor, rule

TOY = Vendor(
    name="toy",
    hosts={":PORT": "/toy/v2"},
    start=Start("Toy", ("http://127.0.0.1:PORT/toy/v2",), key_variable="TOY_API_KEY"),
    flags={"token_field": "max_completion_tokens", "top_k": True},
    models=(rule("toy-large", max_output=4000),),
    credential="api-key",
)
'''


def _posted(proxy: LiveProxy, body: dict[str, Any]) -> int:
    """The status of a message request."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
    connection.request("POST", "/v1/messages", json.dumps(body), {"x-api-key": "client"})
    with connection.getresponse() as response:
        response.read()
    connection.close()
    return response.status


TOY_SHAPE = """class PollBlock(Block):
    question = Text(required=True)


"""
TOY_CONVERTER = """def _poll_to_parts(block: Block, context: TurnContext) -> list[Part]:
    return [text_part(f"<poll>{block['question']}</poll>")]


"""


def test_a_block_type_is_added_in_two_places(tmp_path: Path) -> None:
    copy = house_copy(tmp_path)
    shapes = "proxy/schemas/content.py"
    copy.insert(shapes, "class ServerToolResultBlock(Block):", TOY_SHAPE)
    copy.insert(shapes, '    "mcp_tool_use": ToolUseBlock(),\n', '    "poll": PollBlock(),\n')
    converters = "proxy/convert/request/block_types.py"
    copy.insert(converters, "def _in_every_place(", TOY_CONVERTER)
    copy.insert(
        converters,
        '    "tool_reference": BlockType(',
        '    "poll": _in_every_place(_poll_to_parts),\n',
    )
    poll = {"type": "poll", "question": "Tea?"}
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": [poll]},
        {"role": "assistant", "content": [{"type": "tool_use", **CALL}, poll]},
        {"role": "user", "content": [{"type": "tool_result", **RESULT}, poll]},
    ]
    wrong = [{"role": "user", "content": [{"type": "poll", "question": 1}]}]
    upstream = UpstreamStub(default=json_answer(completion("Yes")))
    environ = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "k"}
    try:
        with live_proxy(environ, root=copy.root) as proxy:
            answered = requests.post(f"{proxy.url}/v1/messages", json=asking(turns), timeout=9)
            refused = requests.post(f"{proxy.url}/v1/messages", json=asking(wrong), timeout=9)
            document = json.dumps(proxy.get("/openapi.json")[1])
    finally:
        upstream.close()
    assert (answered.status_code, answered.json()["content"][0]["text"]) == (200, "Yes")
    sent = upstream.requests[0].json["messages"]
    shown = "<poll>Tea?</poll>"
    assert [turn["content"] for turn in sent] == [shown, shown, "t", shown]
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        400,
        "messages.0.content.0.poll.question: Input should be a valid string",
    )
    assert "PollBlock" in document


def asking(turns: list[dict[str, Any]]) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": turns}
