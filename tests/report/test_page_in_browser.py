"""The page's scripts, run by a real browser from the disk; skipped where none is installed."""

import json
from pathlib import Path

import numpy as np
import pytest
from fabricated_results import fabricate
from headless_browser import barriers, needs_browser, picture, run

from attn2seq.report.page import ReportInputs, render_report
from attn2seq.report.settings import ReportSettings

pytestmark = needs_browser


def test_search_sort_and_pages(page: str, tmp_path: Path) -> None:
    script = """
      const numbers = () => [...document.querySelectorAll('#list .line-number')];
      const shown = () => numbers().map((element) => element.textContent);
      const set = (id, value) => {
        document.getElementById(id).value = value;
        document.getElementById(id).dispatchEvent(new Event('input', {bubbles: true}));
      };
      const told = [shown().length, shown()[0]];
      document.getElementById('next').click();
      told.push(shown()[0], document.getElementById('place').textContent);
      set('search', 'TABLE 41 ');
      told.push(shown().join('+'));
      set('search', '');
      set('order', '-words');
      told.push(shown()[0]);
      return told.join(' / ');
    """
    # Sentence 42 has number 41; the longest sentences are every fourth one.
    assert run(page, script, tmp_path) == "20 / 1 / 21 / 21–40 of 1,000 / 42 / 4"


def test_the_worst_sentences_open(page: str, tmp_path: Path) -> None:
    script = """
      const entries = [...document.querySelectorAll('#worst-list details')];
      entries[0].open = true;
      entries[0].dispatchEvent(new Event('toggle'));
      const scores = entries.map((entry) => Number(entry.querySelector('.figures b').textContent));
      const sorted = scores.every((score, place) => !place || scores[place - 1] <= score);
      return [entries.length, sorted, entries[0].querySelectorAll('mark').length > 0,
        entries[0].querySelectorAll('.detail').length].join(' ');
    """
    assert run(page, script, tmp_path) == "10 true true 1"


@pytest.mark.parametrize(("width", "dark"), [(1100, True), (390, False)])
def test_nothing_sticks_out_of_the_report(
    page: str, width: int, dark: bool, tmp_path: Path
) -> None:
    shade = "dark" if dark else "light"
    picture(page, f"report-{shade}-{width}", tmp_path, width, dark)
    assert barriers(page, tmp_path, width, dark) == []
    fits = "return document.documentElement.scrollWidth <= window.innerWidth;"
    assert run(page, fits, tmp_path, width) == "true"


def test_attention_map_answers_to_the_keyboard(page: str, tmp_path: Path) -> None:
    script = """
      const details = document.querySelector('#list details');
      details.open = true;
      details.dispatchEvent(new Event('toggle'));
      const targets = [...details.querySelectorAll('.targets button')];
      targets[0].focus();
      targets[0].dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
      const chosen = targets.findIndex((e) => e.getAttribute('aria-pressed') === 'true');
      const weights = [...details.querySelectorAll('.sources > *')]
        .map((e) => Number(e.style.getPropertyValue('--weight')));
      const total = weights.reduce((a, b) => a + b);
      const subwords = () => details.querySelectorAll('.targets button').length;
      const words = subwords();
      details.querySelector('.switch').click();
      return [chosen, Math.abs(total - 1) < 0.05, subwords() > words].join(' ');
    """
    assert run(page, script, tmp_path) == "1 true true"


# Without spaces, so that they stay whole in hypotheses that lack a word.
HOSTILE = (
    "<script>window.hit=1</script>",
    "</script><script>window.hit=1</script>",
    "--></script><!--<script>window.hit=1//",
    '"><img/src="x"/onerror="window.hit=1">',
    "'><svg/onload=window.hit=1>",
    "</textarea></title></style><img/src='x'/onerror='window.hit=1'>",
    "javascript:window.hit=1",
)
# Opens every sentence with its attention map, turns to subwords, searches, and turns pages; a
# moment later, since a picture fails late, tells what of the texts became more than text.
SEARCH_FOR_INTRUDERS = """
  const all = (wanted) => [...document.querySelectorAll(wanted)];
  const open = () => {
    for (const details of all('#list details')) {
      details.open = true;
      details.dispatchEvent(new Event('toggle'));
    }
    for (const element of all('.switch, .targets button, .attention svg g'))
      element.dispatchEvent(new MouseEvent('click', {bubbles: true}));
  };
  open();
  const texts = all('#list .source').map((element) => element.textContent);
  const search = document.getElementById('search');
  search.value = '<script>';
  search.dispatchEvent(new Event('input', {bubbles: true}));
  open();
  const found = all('#list > li').length;
  search.value = '';
  search.dispatchEvent(new Event('input', {bubbles: true}));
  document.getElementById('next').click();
  open();
  setTimeout(() => {
    const handlers = all('*').filter((element) =>
      element.getAttributeNames().some((name) => name.startsWith('on')));
    document.title = [
      window.hit ?? 0, all('script').length, all('img, iframe, object, textarea').length,
      handlers.length, all('[href^="javascript"]').length, found, texts.slice(0, 7).join(' '),
    ].join('|');
  }, 1000);
  return 'waiting';
"""


@pytest.fixture(scope="module")
def hostile_results(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    """Results in which every text is an intruder: the corpus, its facts, and what was decoded."""
    pairs = [(text, f"{text} {text}") for text in HOSTILE]
    root = tmp_path_factory.mktemp("hostile") / "results"
    inputs = fabricate(root, sentences=42, attention=0, pairs=pairs)
    facts = json.loads(inputs.corpus.read_text())
    names = ("name", "title", "task", "src_lang", "tgt_lang", "licence", "citation")
    inputs.corpus.write_text(json.dumps(facts | dict.fromkeys(names, " ".join(HOSTILE))))
    account = json.loads((inputs.prepare / "metrics.json").read_text())
    account["train"][HOSTILE[3]] = {HOSTILE[0]: 1}
    (inputs.prepare / "metrics.json").write_text(json.dumps(account))
    pieces = np.array([f"▁{text}" for text in HOSTILE])
    weights = np.full((len(pieces), len(pieces)), 1 / len(pieces), np.float16)
    maps = [(f"weights_{line}", weights) for line in range(42)]
    maps += [(f"{side}_{line}", pieces) for line in range(42) for side in ("src", "tgt")]
    np.savez(inputs.decode / "test" / "attention.npz", **dict(maps))
    return inputs


@pytest.mark.promise("escaped")
def test_no_text_of_the_results_becomes_more_than_text(
    hostile_results: ReportInputs, tmp_path: Path
) -> None:
    params = {text: {text: list(HOSTILE)} for text in HOSTILE}
    html = render_report(hostile_results, params, ReportSettings(sentences=42, alternatives=3))
    told = run(html, SEARCH_FOR_INTRUDERS, tmp_path)
    hit, scripts, elements, handlers, links, found, texts = told.split("|")
    # The data, the page's own script, and this test's.
    assert (hit, scripts, elements, handlers, links) == ("0", "3", "0", "0", "0")
    # Three of seven sentences hold `<script>`, and a page shows twenty at most.
    assert found == "18"
    assert texts == " ".join(HOSTILE)


@pytest.mark.promise("escaped")
@pytest.mark.parametrize("text", [HOSTILE[0], HOSTILE[3][2:], HOSTILE[4][2:]])
def test_such_a_text_would_be_seen_if_it_were_not_escaped(
    page: str, text: str, tmp_path: Path
) -> None:
    broken = page.replace("<h1>", f"<h1>{text}", 1)
    assert run(broken, SEARCH_FOR_INTRUDERS, tmp_path).startswith("1|")
