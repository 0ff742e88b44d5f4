"""The documents: their links, commands and examples are what the program and the clients do."""
