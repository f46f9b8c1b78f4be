"""`skytier-app` with password hashes of the least cost: for tests that sign in often."""

from argon2 import PasswordHasher

from skytier_app import passwords
from skytier_app.command import main

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

# Each worker is a process that imports this file again, by another name.
if __name__ in ("__main__", "__mp_main__"):
    passwords._hasher = QUICK
if __name__ == "__main__":
    main()
