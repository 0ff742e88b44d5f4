"""All rows of the growth benchmark."""

from __future__ import annotations

from bench.growth import Row
from bench.growth_answers import ANSWERS
from bench.growth_requests import REQUESTS
from bench.growth_streams import STREAMS

ROWS: tuple[Row, ...] = (*ANSWERS, *STREAMS, *REQUESTS)
