"""The secrets of a stack: made, given, and kept before anything uses them."""
