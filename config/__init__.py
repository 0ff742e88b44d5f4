"""What the operator chose: environment, .env file, command line. Imports nothing from `proxy`."""
