"use strict";
/* Requests a translation as one types, and shows the answer. Needs attention.js (make,
   showAttention). Texts are only ever set as text, never as HTML. */

const PAUSE_MS = 250;
const byId = (id) => document.getElementById(id);
const field = byId("text");
let pause, asking;

function later() {
  clearTimeout(pause);
  byId("result").classList.add("stale");
  pause = setTimeout(ask, PAUSE_MS);
}

async function ask() {
  clearTimeout(pause);
  asking?.abort();
  const mine = asking = new AbortController();
  const text = field.value;
  if (!text.trim()) { showNothing(); return; }
  byId("state").textContent = "Translating …";
  try {
    const response = await fetch("translate", {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text, prefix: byId("prefix").value }), signal: mine.signal,
    });
    const answer = await response.json();
    if (mine !== asking) return;
    if (response.ok) showAnswer(answer);
    else showFault(answer.error);
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return;
    showFault("No answer: has the demo server been stopped? Start it again and press Translate.");
  }
}

function showNothing() {
  byId("state").textContent = "";
  byId("fault").hidden = byId("result").hidden = true;
}

function showFault(words) {
  showNothing();
  byId("fault").textContent = words;
  byId("fault").hidden = false;
}

function showAnswer({ hypotheses, notes }) {
  showNothing();
  if (!hypotheses.length) return;
  byId("result").hidden = false;
  byId("result").classList.remove("stale");
  byId("best").textContent = hypotheses[0].text || "(the empty text)";
  byId("notes").replaceChildren(...notes.map((note) => make("li", { textContent: note })));
  const buttons = hypotheses.map(({ text, score }) => make("button", { type: "button" },
    make("span", { className: "text", dir: "auto", lang: "", textContent: text || "(the empty text)" }),
    make("span", { className: "score", textContent: score.toFixed(2).replace("-", "\u2212") })));
  const choose = (place) => {
    buttons.forEach((button, other) => button.setAttribute("aria-pressed", other === place));
    showMap(hypotheses[place].attention);
  };
  buttons.forEach((button, place) => button.addEventListener("click", () => choose(place)));
  byId("hypotheses").replaceChildren(...buttons.map((button) => make("li", {}, button)));
  choose(0);
}

function showMap(attention) {
  if (attention) showAttention(byId("map"), attention, { source: "", target: "" });
  else byId("map").replaceChildren(make("p", { textContent: "This model has no attention." }));
}

for (const each of [field, byId("prefix")]) each.addEventListener("input", later);
field.addEventListener("keydown", (event) => {
  // While an input method is composing, as for Chinese, Enter belongs to it.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  ask();
});
byId("form").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
for (const button of document.querySelectorAll("#examples button"))
  button.addEventListener("click", () => { field.value = button.textContent; field.focus(); ask(); });
