"""Reports: one file about a stack over a time, for people who were not there."""
