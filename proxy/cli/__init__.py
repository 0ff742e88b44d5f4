"""The command line. The only package that reads the process's environment."""
