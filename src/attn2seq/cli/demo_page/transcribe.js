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
    if (answer.hypotheses.length) showTranscript(answer);
    else showFault("The model heard nothing in this recording.");
  } catch (error) {
    showFault(error.message);
  }
  byId("state").textContent = "";
}

function showTranscript(answer) {
  byId("result").hidden = false;
  byId("best").textContent = answer.hypotheses[0].text || EMPTY_TEXT;
  showHypotheses(answer);
}

byId("file").addEventListener("change", () => {
  const [file] = byId("file").files;
  if (file) transcribe(file);
});
