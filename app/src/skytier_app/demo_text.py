"""Titles and paragraphs that a person might have written, put together from parts."""

import random
from itertools import islice

_SUBJECTS = (
    "night trains", "sourdough", "old maps", "rooftop gardens", "film cameras", "tide tables",
    "bicycle repair", "lighthouses", "wild swimming", "letterpress", "beekeeping", "city trees",
    "radio plays", "small boats", "woodblock prints", "northern lights", "mountain huts",
    "pocket notebooks", "second-hand books", "winter markets", "paper planes", "allotments",
    "harbour ferries", "dry stone walls", "barn owls", "pinhole cameras", "chamber music",
    "street chess", "botanical drawing", "sign painting",
)  # fmt: skip
_PLACES = (
    "Lisbon", "Bergen", "Ghent", "Trieste", "Cork", "Porto", "Riga", "Oaxaca", "Kyoto", "Hobart",
    "Valparaíso", "Montréal", "Tartu", "Bologna", "Dundee", "Cádiz", "Lviv", "Cape Town",
    "Wellington", "Fez",
)  # fmt: skip
_TITLES = (
    "What {subject} taught me", "A short history of {subject}", "In praise of {subject}",
    "Notes on {subject}", "A year of {subject}", "Why I came back to {subject}",
    "A beginner's mistakes with {subject}", "Three questions about {subject}",
    "The quiet joy of {subject}", "Letters about {subject}", "How not to start with {subject}",
    "Looking for {subject} in {place}", "{place}, and its {subject}",
    "An afternoon with {subject} in {place}", "Who still cares for {subject} in {place}?",
    "From {place}, with {subject}",
)  # fmt: skip
_SENTENCES = (
    "Nobody I asked in {place} could say when it began.",
    "It takes longer than the books say, and it is worth every hour.",
    "My grandmother knew more about {subject} than she ever wrote down.",
    "The first attempt failed, and so did the {number} after it.",
    "There is a shop in {place} that sells nothing else.",
    "I had expected a crowd and found three people and a dog.",
    "You need less than you think: a table, good light, and patience.",
    "By the second week I had stopped counting.",
    "What surprised me most about {subject} was the sound.",
    "If you ever pass through {place}, ask for the old harbour office.",
    "Somebody has to keep the keys, and this year it is me.",
    "It rained for {number} days, which turned out to be luck.",
    "Everything I know about {subject} fits on one page; the rest is practice.",
    "We shared tea, bread, and a long argument about {subject}.",
    "The tools are cheap, but the time is not.",
    "A neighbour lent me {number} books on {subject}, and I have returned two.",
    "Half of the pleasure is in the waiting.",
    "In {place} they do it the other way round, and nobody knows why.",
    "I still have the notebook in which all this is written in pencil.",
    "Start small, write down what you did, and change one thing at a time.",
    "There are {number} of us now, and we meet on Thursdays.",
    "The light in {place} is at its best an hour before the rain.",
    "Some days nothing works; those are the days worth writing about.",
    "Ask me again in spring.",
)


def post(rng: random.Random) -> tuple[str, str]:
    """A title, and content of one to three paragraphs on the same thing."""
    subject, place = rng.choice(_SUBJECTS), rng.choice(_PLACES)
    sizes = [rng.randint(2, 5) for _ in range(rng.randint(1, 3))]
    sentences = iter(rng.sample(_SENTENCES, sum(sizes)))  # none twice
    paragraphs = (
        " ".join(
            sentence.format(subject=subject, place=place, number=rng.randint(3, 40))
            for sentence in islice(sentences, size)
        )
        for size in sizes
    )
    return rng.choice(_TITLES).format(subject=subject, place=place), "\n\n".join(paragraphs)
