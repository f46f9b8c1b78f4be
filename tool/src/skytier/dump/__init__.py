"""The application's database to a file of PostgreSQL's dump format, and from one."""
