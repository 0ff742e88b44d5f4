"""A whole Responses answer -> the Anthropic message."""

from proxy.relay.whole_message import message_in

__all__ = ["message_in"]
