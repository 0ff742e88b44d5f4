"""The codec of Chat Completions streams: chunks -> Messages events."""

from __future__ import annotations

from proxy.convert.reply.chat_to_events import StreamTranslator
from proxy.relay.translated_codec import TranslatedCodec


class ChatCodec(TranslatedCodec):
    """One stream of chunks."""

    translator = StreamTranslator
