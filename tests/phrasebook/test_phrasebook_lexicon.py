"""The lexicon's tables: what is wrong with one is said with file and line."""

import shutil
from pathlib import Path

import pytest

from attn2seq.errors import UserError
from attn2seq.phrasebook.lexicon import Word, load_lexicon
from attn2seq.phrasebook.phrasebook import DATA, phrasebook_grammar


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A copy of the data files, to spoil."""
    return shutil.copytree(DATA, tmp_path / "data")


def append(folder: Path, table: str, line: str) -> int:
    path = folder / table
    text = path.read_text(encoding="utf-8")
    path.write_text(text + line + "\n", encoding="utf-8")
    return len(text.splitlines()) + 1


def test_a_blank_cell_stands_for_the_usual(data: Path) -> None:
    append(data, "things.tsv", "bucket\t\tEimer\tm\tEimer\t\t\tportable")
    bucket = load_lexicon(data)["noun"]
    word = next(word for word in bucket if word.columns["en"] == "bucket")
    assert word.feature("numbers") == "sg pl"
    assert word.text("en", "", {"number": "pl"}) == "buckets"
    assert word.text("de", "", {"number": "pl", "case": "dat"}) == "Eimern"


def test_too_many_cells_are_named_with_their_line(data: Path) -> None:
    line = append(data, "prepositions.tsv", "over\tüber\tacc")
    with pytest.raises(UserError, match=rf"prepositions.tsv, line {line}: 3 cells under 2"):
        load_lexicon(data)


def test_an_entry_may_not_stand_there_twice(data: Path) -> None:
    line = append(data, "prepositions.tsv", "under\tunter")
    with pytest.raises(UserError, match=rf"line {line}: this entry is there twice"):
        load_lexicon(data)


def test_a_missing_column_is_named(data: Path) -> None:
    path = data / "conjunctions.tsv"
    path.write_text(path.read_text(encoding="utf-8").replace("times", "time", 1), encoding="utf-8")
    with pytest.raises(UserError, match=r"conjunctions.tsv: the heading lacks times"):
        load_lexicon(data)


def test_a_missing_table_is_named(data: Path) -> None:
    (data / "verbs.tsv").unlink()
    with pytest.raises(UserError, match=r"verbs.tsv is missing: it holds words of the class verb"):
        load_lexicon(data)


def test_a_form_that_cannot_be_made_names_the_entry() -> None:
    word = Word("noun", {"en": "tree", "de": "Baum", "declension": ""}, "things.tsv, line 3 (tree)")
    with pytest.raises(UserError, match=r"things.tsv, line 3 \(tree\): no de form"):
        word.text("de", "", {"number": "pl", "case": "dat"})


def test_gender_numbers_and_frames_are_known_values() -> None:
    lexicon = phrasebook_grammar().lexicon
    for noun in lexicon["noun"]:
        assert noun.columns["gender"] in ("m", "f", "n"), noun.place
        assert set(noun.columns["numbers"].split()) <= {"sg", "pl", "mass"}, noun.place
        if "pl" in noun.columns["numbers"].split():
            assert noun.columns["de_plural"], noun.place
        assert noun.columns["de"][0].isupper(), noun.place
    for verb in lexicon["verb"]:
        assert verb.columns["aux"] in ("haben", "sein"), verb.place
        assert verb.columns["de"].endswith("n"), verb.place


def test_every_person_who_has_a_profession_has_a_feminine() -> None:
    jobs = [w for w in phrasebook_grammar().lexicon["noun"] if "job" in w.columns["kind"].split()]
    assert jobs
    assert all(word.columns["feminine"].endswith("in") for word in jobs)


def test_an_ambiguous_past_is_marked() -> None:
    """A past like its present (put, read) gives two meanings to one sentence: `they read it`."""
    for verb in phrasebook_grammar().lexicon["verb"]:
        head = verb.columns["en"].partition("|")[0].split()[0]
        past = verb.columns["forms"].partition(" ")[0]
        assert (past == head) == ("ambiguous" in verb.columns["aspect"]), verb.place


def test_no_rare_name_begins_as_a_word_that_hurts() -> None:
    """A model that has hardly seen a name may end it otherwise: Judith became a word for Jews."""
    words = ("Juden", "Dachau", "Nazi", "Neger", "Nutte", "Hure", "Zigeuner", "Hitler")
    rare = [w for w in phrasebook_grammar().lexicon["name"] if w.columns["weight"] == "1"]
    assert len(rare) > 100
    for word in rare:
        assert not word.columns["en"].startswith(tuple(bad[:3] for bad in words)), word.place


def test_no_noun_counts_alike_in_both_numbers() -> None:
    for noun in phrasebook_grammar().lexicon["noun"]:
        if noun.columns["numbers"] == "sg pl":
            singular, plural = (noun.text("en", "", {"number": n}) for n in ("sg", "pl"))
            assert singular != plural, noun.place
