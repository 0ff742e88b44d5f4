"""The codec of Responses streams: events -> Messages events."""

from __future__ import annotations

from proxy.relay.translated_codec import TranslatedCodec


class ResponsesCodec(TranslatedCodec):
    """The stream that answers a Responses request."""

    form = "responses"
