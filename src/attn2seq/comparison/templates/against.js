"use strict";
/* The sentences for which two runs produce different texts. All text goes in as text. */

const DATA = JSON.parse(document.getElementById("data").textContent);
const NOTHING = "(nothing)";

function signed(number) { return (number > 0 ? "+" : "") + number.toFixed(1); }

function pairElement(row) {
  const marked = (text) => text ? compared(text, row.reference)[0] : [NOTHING];
  const texts = make("div", { className: "texts" },
    textElement("source", DATA.source, [row.src]),
    textElement("this", DATA.target, marked(row.ours.text)),
    textElement("other", DATA.target, marked(row.theirs.text)),
    textElement("reference", DATA.target, [row.reference]));
  const figures = make("span", { className: "figures" },
    make("b", { textContent: signed(row.gain) }), ` ${DATA.chrf}`);
  return foldedEntry(row.line, texts, figures, () => detailElement(row));
}

function detailElement(row) {
  const told = (name, side) => `${name}: ${side.exact ? "exact" : `${DATA.bleu} ${side.bleu.toFixed(1)}, ${DATA.chrf} ${side.chrf.toFixed(1)}`}`;
  const [ours, theirs] = compared(row.ours.text || NOTHING, row.theirs.text || NOTHING);
  const detail = make("div", { className: "detail" },
    make("p", { className: "told", textContent: `${told("this", row.ours)} · ${told("other", row.theirs)} · ${row.words} source words` }),
    make("div", { className: "between" },
      make("h3", { textContent: "Between the two runs" }),
      textElement("first", DATA.target, ours), textElement("second", DATA.target, theirs)));
  for (const [name, side] of [["this", row.ours], ["other", row.theirs]]) {
    if (!side.attention) continue;
    const place = make("div");
    showAttention(place, side.attention, DATA);
    detail.append(make("h3", {}, make("span", { className: `key ${name}`, textContent: `${name} run` })), place);
  }
  return detail;
}

browse(DATA.sentences, {
  texts: (row) => [row.src, row.ours.text, row.theirs.text, row.reference],
  keep: (row) => !part("only-lost").checked || (row.theirs.exact && !row.ours.exact),
  element: pairElement,
});
