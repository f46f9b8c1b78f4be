"""What watching costs, on a cloud and on this machine."""
