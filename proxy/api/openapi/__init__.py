"""The description of the API: OpenAPI 3.1, made from the schemas that check it.

Rule: nothing here runs for a request but the one that asks for the document; requests are described
by the schemas that judge them, answers by schemas that the tests hold against real answers.
"""

from __future__ import annotations

from proxy.api.openapi.document import openapi_document

__all__ = ["openapi_document"]
