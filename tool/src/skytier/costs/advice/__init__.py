"""What would save money. Decides from facts that somebody else asked for, and asks nobody."""
