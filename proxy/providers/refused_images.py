"""The images that an upstream could not decode, so that later requests leave them out at once.

Rule: of an image only a short hash is kept, for an hour and for the upstream and model that refused it.
A client's history contains the image in each later request, and each would cost a refused call. Each
worker learns for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from proxy.providers.learned_entry import LONGEST_PAIR, VALID_SECONDS, Pair

MOST_IMAGES = 64
"""Images that are kept for one pair; each is compared with each image of a request."""
MOST_PAIRS = 64


class RefusedImages:
    """Hashes of images (``failures.broken_images.image_key``) by base URL and model.

    ``clock`` returns seconds. The image and the pair added first are forgotten first.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: OrderedDict[Pair, dict[str, float]] = OrderedDict()

    def of(self, base_url: str, model: str) -> tuple[str, ...]:
        """The hashes of the images to leave out; empty for almost every pair."""
        if not self._until:
            return ()
        kept, now = self._until.get((base_url, model), {}), self._clock()
        return tuple(key for key, until in kept.items() if until > now)

    def add(self, base_url: str, model: str, keys: Iterable[str]) -> None:
        """Keep ``keys``, which the upstream refused just now."""
        if len(base_url) + len(model) > LONGEST_PAIR:
            return
        now = self._clock()
        kept = self._until.setdefault((base_url, model), {})
        for key in [key for key, until in kept.items() if until <= now]:
            del kept[key]
        for key in keys:
            kept.pop(key, None)
            kept[key] = now + VALID_SECONDS
        while len(kept) > MOST_IMAGES:
            del kept[next(iter(kept))]
        while len(self._until) > MOST_PAIRS:
            self._until.popitem(last=False)
