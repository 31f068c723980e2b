"use strict";
/* What the demo's pages share: questions to the server, and the names of languages. Needs
   attention.js (make, showAttention). Texts are only ever set as text, never as HTML. */

const byId = (id) => document.getElementById(id);
const EMPTY_TEXT = "(the empty text)";
const NO_ANSWER = "No answer: has the demo server been stopped? Start it again and try once more.";
let asking;

/* The server's answer, or null where a later question has been asked. Throws an Error with a text
   to show. */
async function request(values) {
  asking?.abort();
  const mine = asking = new AbortController();
  let response, answer;
  try {
    response = await fetch("answer", {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify(values), signal: mine.signal,
    });
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return null;
    throw new Error(NO_ANSWER);
  }
  if (mine !== asking) return null;
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function showFault(words) {
  byId("fault").textContent = words;
  byId("fault").hidden = !words;
}

function showMap(attention) {
  const languages = { source: tag("src"), target: tag("tgt") };
  if (attention) showAttention(byId("map"), attention, languages);
  else byId("map").replaceChildren(make("p", { textContent: "This model has no attention." }));
}

/* What is to be said of a source, and its hypotheses, of which one is chosen to see its map. */
function showHypotheses({ hypotheses, notes }) {
  byId("notes").replaceChildren(...notes.map((note) => make("li", { textContent: note })));
  const buttons = hypotheses.map(({ text, score }) => make("button", { type: "button" },
    make("span", { className: "text", dir: "auto", lang: tag("tgt"), textContent: text || EMPTY_TEXT }),
    make("span", { className: "score", textContent: score.toFixed(2).replace("-", "\u2212") })));
  const choose = (place) => {
    buttons.forEach((button, other) => button.setAttribute("aria-pressed", other === place));
    showMap(hypotheses[place].attention);
  };
  buttons.forEach((button, place) => button.addEventListener("click", () => choose(place)));
  byId("hypotheses").replaceChildren(...buttons.map((button) => make("li", {}, button)));
  choose(0);
}

/* While an input method is composing, as for Chinese, Enter belongs to it. */
function isEnter(event) {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing;
}

function tag(side) { return byId("languages")?.dataset[side] ?? ""; }

function languageName(code) {
  try { return new Intl.DisplayNames("en", { type: "language" }).of(code); } catch { return code; }
}

for (const place of document.querySelectorAll("[data-language]"))
  place.textContent = languageName(place.dataset.language);
