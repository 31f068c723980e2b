"use strict";
/* Sends a recording that is chosen, and shows what the model writes. Needs recording.js. */

async function inBase64(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let start = 0; start < bytes.length; start += 1 << 15)
    text += String.fromCharCode(...bytes.subarray(start, start + (1 << 15)));
  return btoa(text);
}

async function transcribe(file) {
  showFault("");
  byId("result").hidden = true;
  byId("state").textContent = "Listening …";
  try {
    const answer = await request({ recording: await inBase64(file) });
    if (!answer) return;
    showTranscript(answer);
  } catch (error) {
    showFault(error.message);
  }
  byId("state").textContent = "";
}

function showTranscript({ hypotheses, notes }) {
  byId("result").hidden = false;
  byId("best").textContent = hypotheses[0].text || EMPTY_TEXT;
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

byId("file").addEventListener("change", () => {
  const [file] = byId("file").files;
  if (file) transcribe(file);
});
