"""What a project used: one file for each service of the cloud that keeps what costs money."""
