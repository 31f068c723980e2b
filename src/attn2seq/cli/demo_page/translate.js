"use strict";
/* Asks for a translation as one types, and shows it: line by line, sentence by sentence. */

const PAUSE_MS = 250;
const field = byId("text");
let pause;

function later() {
  clearTimeout(pause);
  byId("result").classList.add("stale");
  pause = setTimeout(ask, PAUSE_MS);
}

async function ask() {
  clearTimeout(pause);
  const text = field.value;
  if (!text.trim()) { asking?.abort(); showNothing(); return; }
  byId("state").textContent = "Translating …";
  try {
    const answer = await request({ text, prefix: byId("prefix").value });
    if (answer) showAnswer(answer.lines);
  } catch (error) {
    showNothing();
    showFault(error.message);
  }
}

function showNothing() {
  byId("state").textContent = "";
  byId("result").hidden = true;
  showFault("");
}

/* lines: for each line its sentences, each {source, notes, hypotheses}. */
function showAnswer(lines) {
  showNothing();
  const sentences = lines.flat().filter(({ hypotheses }) => hypotheses.length);
  if (!sentences.length) return;
  byId("result").hidden = false;
  byId("result").classList.remove("stale");
  const several = sentences.length > 1;
  const parts = new Map(sentences.map((sentence) => [sentence, several
    ? make("button", { type: "button", className: "sentence", title: sentence.source, textContent: best(sentence) })
    : make("span", { textContent: best(sentence) })]));
  const choose = (chosen) => {
    if (several)
      for (const [sentence, part] of parts) part.setAttribute("aria-pressed", sentence === chosen);
    showSentence(chosen, several);
  };
  for (const [sentence, part] of parts) if (several) part.addEventListener("click", () => choose(sentence));
  byId("best").replaceChildren(...lines.map((line) => joined(line.filter((each) => parts.has(each)), parts)));
  choose(sentences[0]);
}

function best({ hypotheses }) { return hypotheses[0].text || EMPTY_TEXT; }

/* A line of the translation: sentences are parted by spaces where their script has any. */
function joined(line, parts) {
  const place = make("span", { className: "line" });
  line.forEach((sentence, index) => {
    if (index && !UNSPACED.test(best(sentence))) place.append(" ");
    place.append(parts.get(sentence));
  });
  return place;
}

function showSentence(sentence, several) {
  byId("chosen").textContent = sentence.source;
  byId("chosen").hidden = !several;
  showHypotheses(sentence);
}

for (const each of [field, byId("prefix")]) each.addEventListener("input", later);
field.addEventListener("keydown", (event) => {
  if (!isEnter(event)) return;
  event.preventDefault();
  ask();
});
byId("form").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
for (const button of document.querySelectorAll("#examples button"))
  button.addEventListener("click", () => { field.value = button.textContent; field.focus(); ask(); });
