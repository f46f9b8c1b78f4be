"""The kinds of machine, and the configuration each of them runs with."""
