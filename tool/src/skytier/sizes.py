"""Numbers of bytes and of objects, for people."""


def in_words(count: float) -> str:
    """A number of bytes; a negative one, too.

    >>> in_words(1), in_words(1000), in_words(50_000), in_words(5_000_000), in_words(3 * 2**40)
    ('1 B', '1000 B', '48.8 KiB', '4.8 MiB', '3.0 TiB')
    """
    if abs(count) < 1024:
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        count /= 1024
        # What is rounded to 1024.0 is one of the next unit.
        if abs(count) < 1023.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} TiB"


def of_objects(count: int, size: float) -> str:
    """How many objects there are, and their bytes.

    >>> of_objects(1, 3), of_objects(12, 2048)
    ('1 object (3 B)', '12 objects (2.0 KiB)')
    """
    return f"{count} object{'' if count == 1 else 's'} ({in_words(size)})"
