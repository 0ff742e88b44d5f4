"""The real program under load, restarts and kills; at the end all counts must agree."""
