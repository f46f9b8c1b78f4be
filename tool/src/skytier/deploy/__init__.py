"""From what is wanted and what is found to a plan, and its steps carried out. Knows no backend."""
