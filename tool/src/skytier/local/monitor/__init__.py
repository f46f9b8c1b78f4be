"""What monitors the stack on this machine: the programs that the machine has for it."""
