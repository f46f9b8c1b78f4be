"""PostgreSQL with one database of one role that is not a superuser."""
