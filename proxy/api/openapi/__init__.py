"""The description of the API (OpenAPI 3.1), generated from the schemas.

Rule: this code runs only when the document is requested. Requests are described by the schemas that
validate them, answers by schemas that the tests compare with real answers.
"""
