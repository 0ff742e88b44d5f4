"""Shapes of results of server tools in earlier turns, which clients send back.

Rule: of known results, the members that the converters read are checked. A result of an unknown type is
accepted unchanged, because it becomes text of the history.
"""

from __future__ import annotations

from proxy.schemas.blocks import DocumentBlock, TextBlock, ToolReferenceBlock
from proxy.schemas.fields import Flag, Integer, Items, Shape, Tagged, Text, WireSchema


class SearchHit(WireSchema):
    url = Text(required=True)
    title = Text()


class FetchedPage(WireSchema):
    url = Text()
    content = Shape(DocumentBlock, required=True)


class CodeOutput(WireSchema):
    stdout = Text()
    stderr = Text()
    return_code = Integer()


class ViewedFile(WireSchema):
    content = Text(required=True)


class CreatedFile(WireSchema):
    is_file_update = Flag()


class ReplacedText(WireSchema):
    lines = Items(Text())


class FoundTools(WireSchema):
    tool_references = Items(Tagged({"tool_reference": ToolReferenceBlock()}), required=True)


class AdvisorText(WireSchema):
    text = Text(required=True)


RESULTS = {
    "text": TextBlock(),
    "web_search_result": SearchHit(),
    "web_fetch_result": FetchedPage(),
    "code_execution_result": CodeOutput(),
    "encrypted_code_execution_result": CodeOutput(),
    "bash_code_execution_result": CodeOutput(),
    "text_editor_code_execution_view_result": ViewedFile(),
    "text_editor_code_execution_create_result": CreatedFile(),
    "text_editor_code_execution_str_replace_result": ReplacedText(),
    "tool_search_tool_search_result": FoundTools(),
    "advisor_result": AdvisorText(),
}
