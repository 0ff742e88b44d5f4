"""The codec of Chat Completions streams: chunks -> Messages events."""

from __future__ import annotations

from proxy.relay.translated_codec import TranslatedCodec


class ChatCodec(TranslatedCodec):
    """The stream that answers a Chat Completions request."""

    form = "chat"
