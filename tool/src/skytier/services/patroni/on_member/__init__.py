"""What runs on a member of the database, by the Python that Patroni has there."""
