"use strict";
/* A conversation: its turns are kept here, and all that the model may read are sent with each. */

const field = byId("text");
let turns = [];  // {text, notes, attention}: mine and the model's in turn
let drawn = 1;  // which of the replies to the last turn

async function say(text) {
  turns.push({ text });
  field.value = "";
  drawn = 1;
  await reply();
}

async function again() {
  turns.pop();
  drawn += 1;
  await reply();
}

async function reply() {
  showFault("");
  show();
  byId("state").textContent = "Replying …";
  try {
    const answer = await request({ turns: turns.map(({ text }) => text), draw: drawn });
    if (!answer) return;
    const [{ text, attention } = { text: "", attention: null }] = answer.hypotheses;
    turns.push({ text: text || "…", notes: answer.notes, attention, replies: true });
  } catch (error) {
    showFault(error.message);
    field.value = turns.pop().text;
  }
  byId("state").textContent = "";
  show();
  field.focus();
}

function show() {
  byId("turns").replaceChildren(...turns.map(turn));
  const last = turns.at(-1);
  byId("again").disabled = !last?.replies;
  byId("anew").disabled = !turns.length;
  byId("result").hidden = !last?.replies;
  if (last?.replies) showMap(last.attention);
  byId("turns").lastElementChild?.scrollIntoView({ block: "nearest" });
}

function turn({ text, notes = [], replies = false }) {
  return make("li", { className: replies ? "reply" : "mine" },
    make("span", { className: "who", textContent: replies ? "model" : "you" }),
    make("p", { dir: "auto", lang: tag("tgt"), textContent: text }),
    ...notes.map((note) => make("p", { className: "note", textContent: note })));
}

function submit() {
  const text = field.value.trim();
  if (text && byId("state").textContent === "") say(text);
}

field.addEventListener("keydown", (event) => {
  if (!isEnter(event)) return;
  event.preventDefault();
  submit();
});
byId("form").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
byId("again").addEventListener("click", again);
byId("anew").addEventListener("click", () => { asking?.abort(); turns = []; showFault(""); show(); field.focus(); });
