"""pgBackRest: backups of the database, the archive of its changes, and what is restored from them.

Whoever runs PostgreSQL in another way takes the configuration from `config`.
"""
