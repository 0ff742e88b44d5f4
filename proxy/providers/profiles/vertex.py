"""Vertex AI's OpenAI endpoint: Gemini as at Google's own host; other models without flags.

The path holds project and location (``/v1/projects/.../endpoints/openapi``), so the URL must have it.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor, rule
from proxy.providers.profiles.gemini import GEMINI

VERTEX = Vendor(
    name="vertex",
    hosts={".googleapis.com": "/v1"},
    start=Start(
        title="Google Vertex AI",
        base_urls=(),
        key_variable="GOOGLE_OAUTH_ACCESS_TOKEN",
        big=GEMINI.start.big,
        middle=GEMINI.start.middle,
        small=GEMINI.start.small,
        url_form=(
            "https://aiplatform.googleapis.com/v1/projects/PROJECT/locations/global/endpoints/openapi"
        ),
        note="The key is an access token (gcloud auth print-access-token), which expires.",
    ),
    models=(rule("gemini-.*", **GEMINI.flags), *GEMINI.models),
)
