"""Texts whose words overlap in many syllables, so that there is much to cut."""

import random


def made_up_texts(count: int, seed: int) -> list[str]:
    """Sentences of words of one to five syllables, with punctuation and a rare double space."""
    draw = random.Random(seed)
    syllables = [a + b for a in "bdgklmnprstvw" for b in ("a", "e", "i", "o", "u", "är", "sch")]

    def word() -> str:
        text = "".join(draw.choices(syllables, k=draw.randint(1, 5)))
        return text.capitalize() if draw.random() < 0.1 else text

    return [
        draw.choice([" ", " ", " ", "  "]).join(word() for _ in range(draw.randint(1, 9)))
        + draw.choice([".", "!", " ?", ""])
        for _ in range(count)
    ]
