"""The page's scripts, run by a real browser from the disk; skipped where none is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--virtual-time-budget=3000",
)


def run(page: str, script: str, tmp_path: Path) -> str:
    """What the script's last expression gives, as text, after the page has shown itself."""
    path = tmp_path / "page.html"
    ending = f"<script>document.title = String((() => {{ {script} }})());</script></body>"
    path.write_text(page.replace("</body>", ending), encoding="utf-8")
    assert BROWSER is not None
    found = subprocess.run(
        [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return found.stdout.split("<title>")[1].split("</title>")[0]


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
