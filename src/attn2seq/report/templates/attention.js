"use strict";
/* An attention map: point at a target token to see what the model attended to when it generated it.

   showAttention(place, {src, tgt, weights}, {source, target}) fills the element `place`.
   src, tgt: subwords, a word's first one begins with "▁". weights: one row a target subword,
   values 0 to 255, as a flat array or in base64. source, target: the languages of the texts. */

const WORD_START = "\u2581";
const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;
const WIDE = /[\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef]/g;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function draw(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function unpackWeights(weights, columns) {
  const flat = typeof weights === "string"
    ? Uint8Array.from(atob(weights), (letter) => letter.charCodeAt(0)) : weights;
  const rows = [];
  for (let start = 0; start < flat.length; start += columns)
    rows.push(Array.from(flat.slice(start, start + columns), (level) => level / 255));
  return rows;
}

/* Places of the subwords of each word: ["▁play", "ing", "▁on"] gives [[0, 1], [2]].
   In scripts without spaces each subword is a group of its own. */
function wordGroups(pieces) {
  const groups = [];
  pieces.forEach((piece, place) => {
    const before = pieces[place - 1] ?? "";
    const begins = piece.startsWith(WORD_START) || UNSPACED.test(piece) || UNSPACED.test(before) || isEnd(piece);
    const goesOn = before === WORD_START && !isEnd(piece);
    if (place === 0 || (begins && !goesOn)) groups.push([place]);
    else groups[groups.length - 1].push(place);
  });
  return groups;
}

function isEnd(piece) { return piece === "</s>"; }

function tokenText(pieces) {
  return pieces.join("").replaceAll(WORD_START, " ").trim() || WORD_START;
}

/* Tokens and weights of whole words: weights into a word are summed, those out of it averaged. */
function joinWords(map) {
  const from = wordGroups(map.src), to = wordGroups(map.tgt);
  const mean = (group, column) =>
    group.reduce((sum, row) => sum + map.rows[row][column], 0) / group.length;
  return {
    src: from.map((group) => tokenText(group.map((place) => map.src[place]))),
    tgt: to.map((group) => tokenText(group.map((place) => map.tgt[place]))),
    rows: to.map((group) => from.map((columns) =>
      columns.reduce((sum, column) => sum + mean(group, column), 0))),
  };
}

function showAttention(place, data, languages) {
  const pieces = { src: data.src, tgt: data.tgt, rows: unpackWeights(data.weights, data.src.length) };
  const words = joinWords(pieces);
  const joins = words.src.length < pieces.src.length || words.tgt.length < pieces.tgt.length;
  let joined = joins;
  const body = make("div");
  const toggle = make("button", { type: "button", className: "switch", hidden: !joins });
  const show = () => {
    toggle.textContent = joined ? "Show subwords" : "Show whole words";
    body.replaceChildren(...mapElements(joined ? words : pieces, languages));
  };
  toggle.addEventListener("click", () => { joined = !joined; show(); });
  place.classList.add("attention");
  place.replaceChildren(
    make("div", { className: "bar-of" }, make("h3", { textContent: "Attention" }), toggle), body);
  show();
}

function mapElements(map, languages) {
  const sources = map.src.map((piece) => tokenElement("span", piece));
  const targets = map.tgt.map((piece) => tokenElement("button", piece));
  const told = make("p", { className: "told" });
  told.setAttribute("aria-live", "polite");
  const choose = (row) => {
    sources.forEach((element, column) => element.style.setProperty("--weight", map.rows[row][column]));
    targets.forEach((element, other) => {
      element.setAttribute("aria-pressed", other === row);
      element.tabIndex = other === row ? 0 : -1;
    });
    matrix.rows.forEach((element, other) => element.classList.toggle("chosen", other === row));
    told.replaceChildren(...tellWeights(map, row));
  };
  const matrix = matrixElement(map, choose);
  targets.forEach((element, row) => {
    element.type = "button";
    for (const event of ["mouseenter", "focus", "click"])
      element.addEventListener(event, () => choose(row));
  });
  const sourceLine = make("p", { className: "tokens sources", dir: "auto", lang: languages.source }, ...sources);
  const targetLine = make("p", { className: "tokens targets", dir: "auto", lang: languages.target }, ...targets);
  targetLine.addEventListener("keydown", (event) => moveFocus(event, targets, targetLine));
  choose(0);
  return [sourceLine, targetLine, told, make("div", { className: "matrix" }, matrix.svg)];
}

function tokenElement(name, piece) {
  const element = make(name, { textContent: isEnd(piece) ? "end" : tokenText([piece]) });
  if (isEnd(piece)) element.className = "end";
  return element;
}

/* Arrow keys walk along the target tokens, in the direction in which they are written. */
function moveFocus(event, targets, line) {
  const forward = getComputedStyle(line).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  const backward = forward === "ArrowLeft" ? "ArrowRight" : "ArrowLeft";
  const step = { [forward]: 1, [backward]: -1 }[event.key];
  const next = targets[targets.indexOf(document.activeElement) + (step ?? 0)];
  if (step && next) { next.focus(); event.preventDefault(); }
}

function tellWeights(map, row) {
  const order = map.src.map((_, column) => column).sort((a, b) => map.rows[row][b] - map.rows[row][a]);
  const seen = order.slice(0, 3).filter((column) => map.rows[row][column] >= 0.01);
  const name = (piece) => make("bdi", { textContent: isEnd(piece) ? "end" : tokenText([piece]) });
  const parts = seen.flatMap((column, place) =>
    [place ? ", " : "", name(map.src[column]), ` ${Math.round(100 * map.rows[row][column])}%`]);
  return [name(map.tgt[row]), " attended to ", ...(parts.length ? parts : ["nothing in particular"])];
}

/* The whole map as a drawing: rows are target tokens, columns source tokens. */
function matrixElement(map, choose) {
  const cell = map.src.length > 40 ? 14 : 22;
  const cut = (piece) => {
    const text = isEnd(piece) ? "end" : tokenText([piece]);
    return text.length > 18 ? `${text.slice(0, 17)}…` : text;
  };
  const widthOf = (text) => 7.2 * text.length + 5 * (text.match(WIDE) ?? []).length;
  const room = (pieces) => 16 + Math.max(...pieces.map((piece) => widthOf(cut(piece))));
  const left = room(map.tgt), top = 6 + 0.82 * room(map.src);
  const mirrored = RIGHT_TO_LEFT.test(map.src.join(""));
  const x = (column) => left + cell * (mirrored ? map.src.length - 1 - column : column);
  const width = left + cell * map.src.length, height = top + cell * map.tgt.length + 2;
  const overhang = 0.82 * room(map.src);
  const svg = draw("svg", { width: width + overhang, height, viewBox: `0 0 ${width + overhang} ${height}`, "aria-hidden": "true" });
  map.src.forEach((piece, column) => svg.append(draw("text", {
    transform: `translate(${x(column) + cell / 2 + 3},${top - 6}) rotate(-50)`,
    class: isEnd(piece) ? "faint" : "" }, cut(piece))));
  const rows = map.tgt.map((piece, row) => {
    const y = top + cell * row;
    const group = draw("g", {}, draw("rect", { class: "row", x: 0, y, width, height: cell }),
      draw("text", { x: left - 8, y: y + cell * 0.68, "text-anchor": "end", class: isEnd(piece) ? "faint" : "" }, cut(piece)));
    map.rows[row].forEach((weight, column) => {
      if (weight < 0.02) return;
      const title = draw("title", {}, `${cut(piece)} → ${cut(map.src[column])} ${weight.toFixed(2)}`);
      group.append(draw("rect", { class: "cell", x: x(column) + 1, y: y + 1, width: cell - 2,
        height: cell - 2, "fill-opacity": weight.toFixed(3) }, title));
    });
    group.addEventListener("mouseenter", () => choose(row));
    group.addEventListener("click", () => choose(row));
    return group;
  });
  svg.append(...rows);
  return { svg, rows };
}
