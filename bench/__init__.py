"""What the proxy costs, measured side by side with nginx and its peers (bench/README.md)."""
