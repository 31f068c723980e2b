"use strict";
/* The browser of test sentences: search, sort, filter, pages. All text goes in as text. */

const DATA = JSON.parse(document.getElementById("data").textContent);
const PAGE_SIZE = 20;
const LONG_TEXT = 300;
const MOST_COMPARED = 250;
const PIECES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{M}\p{N}]+|\s+|[^\p{L}\p{M}\p{N}\s]/gu;

const part = (id) => document.getElementById(id);
const state = { page: 0, found: DATA.sentences };

function matching() {
  const wanted = part("search").value.normalize("NFC").toLocaleLowerCase();
  const wrong = part("only-wrong").checked, maps = part("only-maps")?.checked;
  return DATA.sentences.filter((row) =>
    (!wrong || !row.exact) && (!maps || row.attention) &&
    (!wanted || [row.src, row.hypothesis, row.reference].some((text) =>
      text.normalize("NFC").toLocaleLowerCase().includes(wanted))));
}

function sorted(rows) {
  const order = part("order").value, down = order.startsWith("-"), key = order.replace("-", "");
  return [...rows].sort((a, b) => (down ? b[key] - a[key] : a[key] - b[key]) || a.line - b.line);
}

function update() {
  state.found = sorted(matching());
  state.page = 0;
  showPage();
}

function showPage() {
  const start = state.page * PAGE_SIZE, total = state.found.length;
  const rows = state.found.slice(start, start + PAGE_SIZE);
  part("list").replaceChildren(...rows.map(sentenceElement));
  const counted = (count) => count.toLocaleString("en");
  part("count").textContent = total === DATA.sentences.length ? "" : total
    ? `${counted(total)} of ${counted(DATA.sentences.length)} sentences` : "No sentence is like that.";
  part("place").textContent = total ? `${counted(start + 1)}–${counted(start + rows.length)} of ${counted(total)}` : "";
  part("previous").disabled = state.page === 0;
  part("next").disabled = start + PAGE_SIZE >= total;
  part("pages").hidden = total <= PAGE_SIZE;
}

function turn(step) {
  state.page += step;
  showPage();
  part("list").querySelector("summary")?.focus({ preventScroll: true });
  part("sentences").scrollIntoView();
}

function sentenceElement(row) {
  const [hypothesis, reference] = row.exact
    ? [[row.hypothesis], []] : compared(row.hypothesis, row.reference);
  const texts = make("div", { className: "texts" },
    textElement("source", DATA.source, [row.src]),
    textElement("hypothesis", DATA.target, row.hypothesis ? hypothesis : ["(nothing)"]));
  if (!row.exact) texts.append(textElement("reference", DATA.target, reference));
  const figures = make("span", { className: "figures" },
    make("b", { textContent: row.exact ? "exact" : row.bleu.toFixed(1) }), row.exact ? "" : " BLEU");
  const summary = make("summary", {},
    make("span", { className: "line-number", textContent: row.line }), texts, figures);
  const details = make("details", {}, summary);
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(detailElement(row));
  });
  return make("li", {}, details);
}

function textElement(kind, language, children) {
  const long = children.reduce((sum, child) => sum + (child.textContent ?? child).length, 0) > LONG_TEXT;
  return make("p", { className: long ? `${kind} long` : kind, lang: language, dir: "auto" }, ...children);
}

function detailElement(row) {
  const detail = make("div", { className: "detail" });
  const facts = `BLEU ${row.bleu.toFixed(1)} · chrF ${row.chrf.toFixed(1)} · ${row.words} source words · ` +
    `${row.surprise.toFixed(2)} nats a token of the reference`;
  detail.append(make("p", { className: "told", textContent: facts }));
  if (row.alternatives.length) {
    const items = row.alternatives.map((other) => make("li", {},
      make("bdi", { lang: DATA.target, textContent: other.text || "(nothing)" }),
      make("span", { textContent: other.score.toFixed(2) })));
    detail.append(make("h3", { textContent: "Next best hypotheses, and their scores" }), make("ol", { start: 2 }, ...items));
  }
  if (row.attention) {
    const place = make("div");
    detail.append(place);
    showAttention(place, row.attention, DATA);
  }
  return detail;
}

/* Both texts as nodes, with the words outside their longest common subsequence marked. */
function compared(hypothesis, reference) {
  const a = hypothesis.match(PIECES) ?? [], b = reference.match(PIECES) ?? [];
  if (Math.max(a.length, b.length) > MOST_COMPARED) return [[hypothesis], [reference]];
  const length = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      length[i][j] = a[i] === b[j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
  const common = [new Set(), new Set()];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) { common[0].add(i++); common[1].add(j++); }
    else if (length[i + 1][j] >= length[i][j + 1]) i++; else j++;
  }
  return [markedNodes(a, common[0]), markedNodes(b, common[1])];
}

function markedNodes(pieces, common) {
  const runs = [];
  pieces.forEach((piece, place) => {
    const differs = !common.has(place) && piece.trim() !== "";
    const last = runs[runs.length - 1];
    if (last && last.differs === differs) last.text += piece; else runs.push({ differs, text: piece });
  });
  return runs.map((run) => run.differs
    ? make("mark", { className: "differs", textContent: run.text }) : run.text);
}

part("controls").hidden = false;
part("controls").addEventListener("submit", (event) => event.preventDefault());
part("controls").addEventListener("input", update);
part("previous").addEventListener("click", () => turn(-1));
part("next").addEventListener("click", () => turn(1));
showPage();
