"""What advice about costs is decided from, and what the cloud itself has charged. Only asks."""
