"""How commands and files reach a machine."""
