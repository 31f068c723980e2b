"""The demo's page in a real browser: typed into, clicked, looked at; skipped where none is there.

Pictures of it are left in .cache/screenshots/.
"""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sentencepiece
import torch
from browser import Browser, Page, find_browser
from demo_server import live_model, live_partner, served

from attn2seq.model.checkpoint import save_model, weights_of
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.tokenization.tokenizer import EOS_ID, Tokenizer

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")

PICTURES = Path(__file__).parents[2] / ".cache" / "screenshots"
TEXT = "a dog runs on the grass"
BEST = "document.getElementById('best').textContent"
CHOSEN = """[...document.querySelectorAll('#hypotheses button')]
  .findIndex((e) => e.getAttribute('aria-pressed') === 'true')"""
# Pieces of a vocabulary of words; without spaces, so that each is one.
HOSTILE = (
    "<script>window.hit=1</script>",
    "</script><script>window.hit=1</script>",
    '"><img/src="x"/onerror="window.hit=1">',
    "'><svg/onload=window.hit=1>",
    "</textarea></title><img/src='x'/onerror='window.hit=1'>",
)
OTHER_SCRIPTS = ("الكلب", "يجري", "على", "العشب", "狗在草地上跑", "。")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def address(model_folder: Path) -> Iterator[str]:
    examples = ("two men sit at a table", "she reads")
    with served(live_model(model_folder), examples=examples) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Page:
    return browser.open(address, 1200, 900)


def word_model(folder: Path, words: tuple[str, ...], settings: ModelSettings) -> Path:
    """A model with random weights whose pieces are these words, on both sides."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(words)]), model_writer=written, model_type="word",
        vocab_size=100, hard_vocab_limit=False, normalization_rule_name="identity",
        pad_id=0, unk_id=1, bos_id=2, eos_id=3, minloglevel=2,
    )  # fmt: skip
    for name in ("src.model", "tgt.model"):
        (folder / name).write_bytes(written.getvalue())
    size = Tokenizer(folder / "src.model").vocabulary_size
    torch.manual_seed(1)
    model = Seq2Seq(settings, size, size)
    model.output.bias.data[EOS_ID] = 1
    save_model(folder, model, weights_of(model))
    return folder


def type_and_wait(page: Page, text: str) -> str:
    page.click("#text")
    page.type(text)
    best: str = page.wait_for(f"!document.getElementById('result').hidden && {BEST}")
    return best


def test_a_sentence_is_translated_while_it_is_typed(page: Page, model_folder: Path) -> None:
    [expected] = live_model(model_folder).translator.translate([TEXT])
    assert page.value("document.activeElement.id") == "text"
    assert type_and_wait(page, TEXT) == expected.hypotheses[0].text
    listed = "[...document.querySelectorAll('#hypotheses .text')].map((e) => e.textContent)"
    assert page.value(listed) == [each.text for each in expected.hypotheses]
    assert page.complaints() == []
    page.picture(PICTURES / "demo-light.png", whole=True)


def test_an_alternative_shows_its_own_attention(page: Page, model_folder: Path) -> None:
    [expected] = live_model(model_folder).translator.translate([TEXT], attention_maps=1)
    type_and_wait(page, TEXT)
    tokens = "document.querySelectorAll('#map .targets button').length"
    page.value("document.querySelector('#map .switch')?.click()")  # from words to subwords
    assert page.value(tokens) == len(expected.hypotheses[0].pieces)
    page.click("#hypotheses li:nth-child(2) button")
    assert page.value(CHOSEN) == 1
    page.value("document.querySelector('#map .switch')?.click()")
    assert page.value(tokens) == len(expected.hypotheses[1].pieces)
    # The sources' shades are the weights of the token that is pointed at.
    page.click("#map .targets button:nth-child(2)")
    shades = page.value(
        "[...document.querySelectorAll('#map .sources > *')]"
        ".map((e) => Number(e.style.getPropertyValue('--weight')))"
    )
    weights_TS = expected.hypotheses[1].attn_weights_TS
    assert weights_TS is not None
    assert shades == pytest.approx(weights_TS[1].tolist(), abs=0.01)
    assert page.complaints() == []


def test_the_keyboard_is_enough(page: Page) -> None:
    page.type("she reads")
    page.press("Enter")
    page.wait_for(f"!document.getElementById('result').hidden && {BEST}")
    assert page.value("document.getElementById('text').value") == "she reads"
    reached = []
    for _ in range(9):
        page.press("Tab")
        reached.append(page.value("document.activeElement.closest('[id]').id"))
        if page.value("document.activeElement.closest('#hypotheses li:nth-child(2)') !== null"):
            break
    assert reached[0] == "prefix"
    assert "hypotheses" in reached
    page.press(" ")
    assert page.value(CHOSEN) == 1
    page.value("document.querySelector('#map .targets button').focus()")
    page.press("ArrowRight")
    assert (
        page.value(
            "document.querySelectorAll('#map .targets button')[1].getAttribute('aria-pressed')"
        )
        == "true"
    )


def test_examples_prefixes_and_mistakes(page: Page) -> None:
    page.click("#examples li:nth-child(2) button")
    page.wait_for(f"!document.getElementById('result').hidden && {BEST}")
    assert page.value("document.getElementById('text').value") == "she reads"
    page.click("#prefix")
    page.type("the old")
    page.wait_for(f"{BEST}.startsWith('the old')")
    page.type(" 日本")
    fault = page.wait_for(
        "!document.getElementById('fault').hidden && document.getElementById('fault').textContent"
    )
    assert "cannot be written: the target vocabulary lacks" in fault
    assert page.value("document.getElementById('result').hidden")
    page.value("document.getElementById('prefix').value = ''")
    page.click("button[type=submit]")
    page.wait_for("!document.getElementById('result').hidden")
    assert page.value("document.getElementById('fault').hidden")


def test_sentences_keep_their_lines_and_have_maps_of_their_own(
    page: Page, model_folder: Path
) -> None:
    lines = (("A dog runs.", "She reads."), ("two men sit at a table",))
    best = [
        [each.text for each in live_model(model_folder).translator.translate(line)]
        for line in lines
    ]
    page.click("#text")
    page.value("document.getElementById('text').value = 'A dog runs. She reads.\\n\\n'")
    page.type(lines[1][0])
    page.wait_for("document.querySelectorAll('#best .sentence').length === 3")
    shown = "[...document.querySelectorAll('#best .line')].map((e) => e.textContent)"
    assert page.value(shown) == [" ".join(best[0]), "", best[1][0]]
    chosen = "document.getElementById('chosen').textContent"
    assert page.value(chosen) == "A dog runs."
    page.value("document.querySelectorAll('#best .sentence')[2].click()")
    assert page.value(chosen) == lines[1][0]
    assert page.value("document.querySelector('#hypotheses .text').textContent") == best[1][0]
    pressed = "[...document.querySelectorAll('#best .sentence')].map((e) => e.ariaPressed)"
    assert page.value(pressed) == ["false", "false", "true"]
    assert page.complaints() == []
    assert page.barriers() == []
    page.picture(PICTURES / "demo-sentences.png", whole=True)


def test_a_conversation(browser: Browser, model_folder: Path) -> None:
    live = live_partner(model_folder)
    said = "[...document.querySelectorAll('#turns p:not(.note)')].map((e) => e.textContent)"
    with served(live) as address:
        page = browser.open(address, 1000, 900)
        page.type("a dog runs")
        page.press("Enter")
        page.wait_for("document.querySelectorAll('#turns .reply').length === 1")
        first = live.partner.reply(["a dog runs"], sampling_seed=1).text
        assert page.value(said) == ["a dog runs", first]
        page.type("she reads")
        page.click("button[type=submit]")
        page.wait_for("document.querySelectorAll('#turns .reply').length === 2")
        turns = ["a dog runs", first, "she reads"]
        second = live.partner.reply(turns, sampling_seed=1).text
        assert page.value(said) == [*turns, second]
        assert page.value("document.querySelectorAll('#map .targets button').length") > 1
        assert page.barriers() == []
        page.picture(PICTURES / "demo-conversation.png", whole=True)
        page.click("#again")
        another = live.partner.reply(turns, sampling_seed=2).text
        page.wait_for(
            f"{said}.at(-1) === {another!r} && !document.getElementById('again').disabled"
        )
        page.click("#anew")
        assert page.value(said) == []
        assert page.complaints() == []


def test_a_server_that_has_ended_is_told(browser: Browser, model_folder: Path) -> None:
    with served(live_model(model_folder)) as address:
        page = browser.open(address, 1200, 900)
    page.type("she reads")
    fault = page.wait_for("document.getElementById('fault').textContent")
    assert fault.startswith("No answer: has the demo server been stopped?")


@pytest.mark.parametrize(("name", "width", "dark"), [("dark", 1200, True), ("phone", 360, False)])
def test_dark_and_narrow(browser: Browser, address: str, name: str, width: int, dark: bool) -> None:
    page = browser.open(address, width, 900, dark)
    type_and_wait(page, "the children play with a red ball near the old house")
    paper = page.value("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in paper[4:-1].split(",")) < 384) == dark
    # Nothing is wider than the window, save what scrolls by itself.
    assert page.value("document.documentElement.scrollWidth") == width
    assert page.barriers() == []
    page.picture(PICTURES / f"demo-{name}.png", whole=True)


def test_other_scripts_have_their_direction(
    browser: Browser, model_settings: Callable[..., ModelSettings], tmp_path: Path
) -> None:
    folder = word_model(tmp_path, OTHER_SCRIPTS, model_settings())
    with served(
        live_model(folder, None), examples=(" ".join(OTHER_SCRIPTS[:4]), OTHER_SCRIPTS[4])
    ) as address:
        page = browser.open(address, 800, 900)
        # The best translation's first letter decides, whichever it is.
        best = type_and_wait(page, " ".join(OTHER_SCRIPTS[:4]))
        direction = "getComputedStyle(document.getElementById('{}')).direction"
        assert page.value(direction.format("text")) == "rtl"
        arabic = "\u0600" <= best[0] <= "\u06ff"
        assert page.value(direction.format("best")) == ("rtl" if arabic else "ltr")
        line = "getComputedStyle(document.querySelector('#map .sources')).direction"
        assert page.value(line) == "rtl"
        page.picture(PICTURES / "demo-arabic.png", whole=True)
        page.value("document.getElementById('text').select()")
        page.type("狗在草地上跑 。")
        page.wait_for(
            "getComputedStyle(document.querySelector('#map .sources')).direction === 'ltr'"
        )
        page.picture(PICTURES / "demo-chinese.png", whole=True)
        assert page.complaints() == []


def test_no_text_becomes_more_than_text(
    browser: Browser, model_settings: Callable[..., ModelSettings], tmp_path: Path
) -> None:
    folder = word_model(tmp_path, HOSTILE, model_settings())
    with served(live_model(folder, None), " ".join(HOSTILE), HOSTILE) as address:
        page = browser.open(address, 1200, 900)
        best = type_and_wait(page, " ".join(HOSTILE))
        assert any(word in best for word in HOSTILE)
        page.value(
            "document.querySelectorAll('#map button, #map g, #hypotheses button')"
            ".forEach((e) => e.dispatchEvent(new MouseEvent('click', {bubbles: true})))"
        )
        page.click("#prefix")
        page.type(f"{HOSTILE[2]}日本")  # comes back within the words of a mistake
        fault = page.wait_for("document.getElementById('fault').textContent")
        assert HOSTILE[2][:20] in fault
        page.value("new Promise((done) => setTimeout(done, 300))")  # a picture fails late
        assert page.value("window.hit ?? 0") == 0
        assert page.value("document.scripts.length") == 3
        assert page.value("document.querySelectorAll('img, iframe, object').length") == 0
        # It would be seen, and not run, if it were not escaped.
        page.value(f"document.body.insertAdjacentHTML('beforeend', {HOSTILE[2]!r})")
        page.wait_for("document.querySelectorAll('img').length")
        assert page.complaints() != []
        assert page.value("window.hit ?? 0") == 0
