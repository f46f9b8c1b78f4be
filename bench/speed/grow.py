"""Measures how the application grows.

    bench/grow                     with its workers, its table and open connections
    bench/grow posts --ten-million
    bench/grow memory              what a worker holds over a million requests
    bench/grow posts --write       this part alone, beside what docs/decisions/ has of the others

The results go to the standard output, how it goes to the standard error.
"""

import argparse

from bench.speed import grown, machine, pages

KINDS = tuple(grown.TITLES)


def main() -> None:
    """Measure, and print what was found."""
    arguments = _arguments()
    with machine.telling("bench/grow"):
        machine.require(machine.PACKAGES)
        for kind in arguments.kinds or KINDS[:3]:
            found = {kind: grown.measured(kind, ten_million=arguments.ten_million)}
            print(grown.tables(found), flush=True)
            if arguments.write:
                pages.write_growth(found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/grow", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--ten-million", action="store_true", help="a table of 10 million, too")
    parser.add_argument("--write", action="store_true", help="put the results into docs/decisions/")
    arguments = parser.parse_args()
    if unknown := set(arguments.kinds) - set(KINDS):
        parser.error(f"{', '.join(sorted(unknown))}: it takes {', '.join(KINDS)}")
    return arguments


if __name__ == "__main__":
    main()
