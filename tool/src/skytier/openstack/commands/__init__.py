"""What a command does on a cloud, besides `up` and `down`."""
