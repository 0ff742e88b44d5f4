"""The picture with which commands test whether a model sees, and the word that shows that it did."""

import re

RED_SQUARE = (
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAS0lEQVR42u3PQQkAAAgAsetfWiP4FgYr"
    "sKZeS0BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEDgsqnc8OJg6Ln3AAAAAElFTkSuQmCC"
)
"""A PNG of 64 by 64 pixels: some servers refuse smaller images."""
RED = re.compile(r"\b(?:red|rouge|rojo|rosso|rot)\b|[红紅赤]|красн", re.IGNORECASE)
"""Its colour in an answer."""
WHICH_COLOUR = "Which colour is this square? Answer with one word."
