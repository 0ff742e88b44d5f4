"""The meaning of an upstream's failure, and whether another attempt may follow. No I/O, clock or log."""
