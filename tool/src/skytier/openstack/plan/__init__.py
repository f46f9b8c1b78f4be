"""What a stack is made of, what is found, and how one becomes the other."""
