"use strict";
/* Sends a recording that is chosen, and shows what the model writes. Needs attention.js and
   recording.js. Texts are only ever set as text, never as HTML. */

const byId = (id) => document.getElementById(id);

async function inBase64(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let start = 0; start < bytes.length; start += 1 << 15)
    text += String.fromCharCode(...bytes.subarray(start, start + (1 << 15)));
  return btoa(text);
}

async function ask(file) {
  byId("fault").hidden = byId("result").hidden = true;
  byId("state").textContent = "Listening …";
  try {
    const response = await fetch("transcribe", {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ recording: await inBase64(file) }),
    });
    const answer = await response.json();
    if (response.ok) showAnswer(answer);
    else showFault(answer.error);
  } catch {
    showFault("No answer: has the demo server been stopped? Start it again and choose the file again.");
  }
  byId("state").textContent = "";
}

function showFault(words) {
  byId("fault").textContent = words;
  byId("fault").hidden = false;
}

function showAnswer({ hypotheses, notes }) {
  byId("result").hidden = false;
  byId("best").textContent = hypotheses[0].text || "(the empty text)";
  byId("notes").replaceChildren(...notes.map((note) => make("li", { textContent: note })));
  const buttons = hypotheses.map(({ text, score }) => make("button", { type: "button" },
    make("span", { className: "text", dir: "auto", lang: "", textContent: text || "(the empty text)" }),
    make("span", { className: "score", textContent: score.toFixed(2).replace("-", "\u2212") })));
  const choose = (place) => {
    buttons.forEach((button, other) => button.setAttribute("aria-pressed", other === place));
    const { attention } = hypotheses[place];
    if (attention) showRecording(byId("map"), attention, { source: "", target: "" });
    else byId("map").replaceChildren(make("p", { textContent: "This model has no attention." }));
  };
  buttons.forEach((button, place) => button.addEventListener("click", () => choose(place)));
  byId("hypotheses").replaceChildren(...buttons.map((button) => make("li", {}, button)));
  choose(0);
}

byId("file").addEventListener("change", () => {
  const [file] = byId("file").files;
  if (file) ask(file);
});
