"""The table of variables: name, parser, default and help of each are written only in its row."""
