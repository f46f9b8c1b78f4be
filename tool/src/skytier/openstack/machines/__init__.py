"""The way into a stack's machines, and what is asked and done there."""
