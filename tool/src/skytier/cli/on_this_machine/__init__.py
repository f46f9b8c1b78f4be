"""Commands whose dialog for the stack on this machine is its own."""
