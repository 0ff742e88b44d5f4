"""What an upstream's failure means and what may follow it. Pure: no I/O, clock or log."""
