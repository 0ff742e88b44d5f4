"""The codec of Responses streams: events -> Messages events."""

from __future__ import annotations

from proxy.convert.reply.responses.translator import ResponsesTranslator
from proxy.relay.translated_codec import TranslatedCodec


class ResponsesCodec(TranslatedCodec):
    """One stream of events."""

    translator = ResponsesTranslator
