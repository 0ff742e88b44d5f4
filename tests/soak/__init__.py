"""A long, rough life of the real program, and its books at the end."""
