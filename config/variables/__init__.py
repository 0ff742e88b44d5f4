"""The table of variables: name, parser, default and help of each stand in its row and nowhere else."""
