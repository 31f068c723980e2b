"use strict";
/* Texts side by side: what only one of them has is marked. */

const LONG_TEXT = 300;
const MOST_COMPARED = 250;
const PIECES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{M}\p{N}]+|\s+|[^\p{L}\p{M}\p{N}\s]/gu;

function textElement(kind, language, children) {
  const long = children.reduce((sum, child) => sum + (child.textContent ?? child).length, 0) > LONG_TEXT;
  return make("p", { className: long ? `${kind} long` : kind, lang: language, dir: "auto" }, ...children);
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
