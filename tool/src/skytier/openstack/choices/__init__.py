"""What a cloud offers, and what a stack takes of it: images, flavors, networks, quotas."""
