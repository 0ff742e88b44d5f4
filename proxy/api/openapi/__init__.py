"""The description of the API: OpenAPI 3.1, made from the schemas that check it.

Rule: only the request for the document runs this. Requests are described by the schemas that check
them, answers by schemas that the tests compare with real answers.
"""
