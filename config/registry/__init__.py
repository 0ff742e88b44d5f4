"""The registry file: providers, models and routes."""
