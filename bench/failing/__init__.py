"""A replicated database whose machines fail while clients write."""
