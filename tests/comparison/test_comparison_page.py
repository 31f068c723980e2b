"""The page of two runs, as text and in a browser."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from fabricated_results import fabricate
from headless_browser import barriers, needs_browser, picture, run

from attn2seq.comparison.compare import compare_runs
from attn2seq.comparison.page import render_page, write_page
from attn2seq.comparison.runs import Run
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.report.page import ReportInputs
from attn2seq.report.settings import ReportSettings

SETTINGS = ReportSettings(sentences=1000, alternatives=0)
SCORING = EvaluateSettings(bootstrap_samples=100, seed=12345)
HOSTILE = (
    "<script>window.hit=1</script>",
    "</script><script>window.hit=1</script>",
    '"><img/src="x"/onerror="window.hit=1">',
    "'><svg/onload=window.hit=1>",
)

ONLY_SENTENCES = """
  for (const details of [...document.querySelectorAll('#list details')].slice(0, 2)) {
    details.open = true;
    details.dispatchEvent(new Event('toggle'));
  }
  for (const other of document.querySelectorAll('header, section:not(#sentences)'))
    other.hidden = true;
"""


def rendered(ours: Run, theirs: Run, inputs: ReportInputs) -> str:
    compared = compare_runs(ours, theirs, inputs.corpus.parent, SCORING)
    return render_page(ours, theirs, compared, inputs.corpus, SETTINGS)


@pytest.fixture(scope="module")
def page(ours: Run, theirs: Run, made: tuple[ReportInputs, ReportInputs]) -> str:
    return rendered(ours, theirs, made[0])


def two_systems(
    root: Path, pairs: list[tuple[str, str]], languages: tuple[str, str], sentences: int
) -> tuple[Run, Run, ReportInputs]:
    made = [
        fabricate(root / str(seed), sentences, pairs=pairs, languages=languages, seed=seed)
        for seed in (1, 2)
    ]
    first, second = (
        Run(f"run {place}", inputs.evaluate.parent, "made-up", {}, {})
        for place, inputs in enumerate(made)
    )
    return first, second, made[0]


def test_the_page_needs_nothing_else(page: str) -> None:
    assert not re.findall(r"""(?:src|href|srcset|action)=["'](?!#)""", page)
    assert "@import" not in page
    assert "url(" not in page


def test_the_page_says_who_is_compared(page: str, ours: Run) -> None:
    for text in ("workspace", "greedy", "commit 3f2a91c", "model.cell", "sacrebleu", "tok:13a"):
        assert text in page
    # Two curves in each of four charts.
    assert len(re.findall(r'<path class="(?:this|other)" d="M', page)) == 8


def test_a_thousand_sentences_with_maps_stay_small(tmp_path: Path) -> None:
    # Words that all differ: where they repeat, TER looks for shifts among very many.
    src, tgt = (" ".join(f"{word}{place:02}" for place in range(36)) for word in ("the", "der"))
    pairs = [(src + " {n}", tgt + " {n}")]
    ours, theirs, inputs = two_systems(tmp_path, pairs, ("en", "de"), 1000)
    assert len(rendered(ours, theirs, inputs).encode()) < 5_000_000


def test_equal_runs_have_no_list(ours: Run, made: tuple[ReportInputs, ReportInputs]) -> None:
    html = rendered(ours, replace(ours, name="again"), made[0])
    assert "The two runs produce the same text for every sentence." in html
    assert "<script" not in html


def test_the_page_is_written_whole(
    ours: Run, theirs: Run, made: tuple[ReportInputs, ReportInputs], page: str, tmp_path: Path
) -> None:
    compared = compare_runs(ours, theirs, made[0].corpus.parent, SCORING)
    write_page(ours, theirs, compared, made[0].corpus, SETTINGS, tmp_path / "new/page.html")
    assert (tmp_path / "new/page.html").read_text(encoding="utf-8") == page


@needs_browser
def test_sort_filter_marks_and_keyboard(page: str, tmp_path: Path) -> None:
    script = """
      const all = (wanted, place = document) => [...place.querySelectorAll(wanted)];
      const gains = () => all('#list .figures b').map((element) => Number(element.textContent));
      const change = (id, values) => {
        Object.assign(document.getElementById(id), values);
        document.getElementById(id).dispatchEvent(new Event('input', {bubbles: true}));
      };
      const ordered = (rows, sign) => rows.every((x, i) => !i || sign * rows[i - 1] <= sign * x);
      const told = [ordered(gains().map(Math.abs), -1)];
      change('order', {value: 'gain'});
      told.push(ordered(gains(), 1), gains()[0] < 0);
      change('order', {value: 'line'});
      const lines = all('#list .line-number').map((element) => Number(element.textContent));
      told.push(ordered(lines, 1));
      change('only-lost', {checked: true});
      const entry = all('#list > li')[0];
      told.push(all('.other mark', entry).length === 0, all('.this mark', entry).length > 0);
      const details = entry.querySelector('details');
      details.open = true;
      details.dispatchEvent(new Event('toggle'));
      told.push(all('.between mark', details).length > 0, all('.attention', details).length);
      const targets = all('.attention .targets', details).map((line) => all('button', line));
      targets[1][0].focus();
      targets[1][0].dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
      told.push(targets.map((some) =>
        some.findIndex((button) => button.getAttribute('aria-pressed') === 'true')));
      return told.join(' ');
    """
    assert run(page, script, tmp_path) == "true true true true true true true 2 0,1"


@needs_browser
def test_no_text_becomes_more_than_text(tmp_path: Path) -> None:
    pairs = [(text, f"{text} {text}") for text in HOSTILE]
    ours, theirs, inputs = two_systems(tmp_path, pairs, ("en", "de"), 40)
    facts = json.loads(inputs.corpus.read_text())
    names = ("title", "src_lang", "tgt_lang")
    inputs.corpus.write_text(json.dumps(facts | dict.fromkeys(names, " ".join(HOSTILE))))
    everywhere = {text: text for text in HOSTILE}
    ours = replace(ours, name=HOSTILE[0], params=everywhere, facts=everywhere)
    theirs = replace(theirs, name=HOSTILE[2], params=everywhere | {HOSTILE[1]: "1"}, facts={})
    html = rendered(ours, theirs, inputs)
    script = """
      const all = (wanted) => [...document.querySelectorAll(wanted)];
      for (const details of all('details')) {
        details.open = true;
        details.dispatchEvent(new Event('toggle'));
      }
      setTimeout(() => {
        const handlers = all('*').filter((element) =>
          element.getAttributeNames().some((name) => name.startsWith('on')));
        const texts = all('#list .source').map((element) => element.textContent);
        document.title = [
          window.hit ?? 0, all('script').length, all('img, iframe, object, textarea').length,
          handlers.length, texts.some((text) => text.startsWith('<script>')),
        ].join(' ');
      }, 1000);
      return 'waiting';
    """
    # The data, the page's own script, and this test's.
    assert run(html, script, tmp_path) == "0 3 0 0 true"
    assert run(html.replace("<h1>", f"<h1>{HOSTILE[2][2:]}", 1), script, tmp_path)[0] == "1"


@needs_browser
@pytest.mark.parametrize(
    ("pair", "languages", "direction"),
    [
        (("The house number {n} is big", "البيت رقم {n} كبير جدا"), ("en", "ar"), "rtl"),
        (("The house number {n} is big .", "我 家 是 {n} 号 。"), ("en", "zh"), "ltr"),
    ],
)
def test_texts_stand_in_their_own_direction(
    pair: tuple[str, str], languages: tuple[str, str], direction: str, tmp_path: Path
) -> None:
    html = rendered(*two_systems(tmp_path, [pair], languages, 40))
    script = """
      const text = document.querySelector('#list .other');
      return [getComputedStyle(text).direction, text.lang].join(' ');
    """
    assert run(html, script, tmp_path) == f"{direction} {languages[1]}"
    picture(html, f"against-{languages[1]}", tmp_path, 900, script=ONLY_SENTENCES)


@needs_browser
@pytest.mark.parametrize(("width", "dark"), [(1100, False), (1100, True), (390, False)])
def test_nothing_sticks_out_sideways(page: str, width: int, dark: bool, tmp_path: Path) -> None:
    shade = "dark" if dark else "light"
    picture(page, f"against-{shade}-{width}", tmp_path, width, dark)
    picture(page, f"against-open-{shade}-{width}", tmp_path, width, dark, ONLY_SENTENCES)
    assert barriers(page, tmp_path, width, dark) == []
    fits = "return document.documentElement.scrollWidth <= window.innerWidth;"
    assert run(page, fits, tmp_path, width) == "true"
