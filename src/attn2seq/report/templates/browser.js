"use strict";
/* The browser of test sentences, and the worst of them. All text goes in as text. */

const DATA = JSON.parse(document.getElementById("data").textContent);

function sentenceElement(row) {
  const [hypothesis, reference] = row.exact
    ? [[row.hypothesis], []] : compared(row.hypothesis, row.reference);
  const texts = make("div", { className: "texts" },
    textElement("source", DATA.source, [row.src]),
    textElement("hypothesis", DATA.target, row.hypothesis ? hypothesis : ["(nothing)"]));
  if (!row.exact) texts.append(textElement("reference", DATA.target, reference));
  const figures = make("span", { className: "figures" },
    make("b", { textContent: row.exact ? "exact" : row.bleu.toFixed(1) }), row.exact ? "" : ` ${DATA.bleu}`);
  return foldedEntry(row.line, texts, figures, () => detailElement(row));
}

function detailElement(row) {
  const detail = make("div", { className: "detail" });
  const facts = `${DATA.bleu} ${row.bleu.toFixed(1)} · ${DATA.chrf} ${row.chrf.toFixed(1)} · ${row.words} source words · ` +
    `${row.surprise.toFixed(2)} nats per token of the reference`;
  detail.append(make("p", { className: "told", textContent: facts }));
  if (row.alternatives.length) {
    const items = row.alternatives.map((other) => make("li", {},
      make("bdi", { lang: DATA.target, textContent: other.text || "(nothing)" }),
      make("span", { textContent: other.score.toFixed(2) })));
    detail.append(make("h3", { textContent: "Next best hypotheses and their scores" }), make("ol", { start: 2 }, ...items));
  }
  if (row.attention) {
    const place = make("div");
    detail.append(place);
    showAttention(place, row.attention, DATA);
  }
  return detail;
}

part("worst-list")?.replaceChildren(...DATA.worst.map(sentenceElement));
browse(DATA.sentences, {
  texts: (row) => [row.src, row.hypothesis, row.reference],
  keep: (row) => (!part("only-wrong").checked || !row.exact) && (!part("only-maps")?.checked || row.attention),
  element: sentenceElement,
});
