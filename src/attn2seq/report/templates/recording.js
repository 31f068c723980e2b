/* Attention of a recording: its spectrogram, and below it, on the same seconds, what the model
   attended to when it wrote each target token.

   data holds, besides what showAttention takes, `mels` in base64: of each position, `bins` levels
   from 0 to 255, the lowest frequencies first. src holds the seconds at which positions begin. */

function showRecording(place, data, languages) {
  const columns = data.src.length, cell = Math.max(5, Math.min(12, Math.floor(900 / columns)));
  const rows = unpackWeights(data.weights, columns), height = 20;
  const label = (piece) => isEnd(piece) ? "end" : tokenText([piece]);
  const left = 16 + 7.5 * Math.max(...data.tgt.map((piece) => label(piece).length));
  const width = left + cell * columns;
  const told = make("p", { className: "told" });
  told.setAttribute("aria-live", "polite");
  const svg = draw("svg", { width, height: 18 + height * rows.length, "aria-hidden": "true" });
  data.src.forEach((second, column) => {
    if (column % 25) return;  // a second has 25 positions
    svg.append(draw("text", { x: left + cell * column, y: 12 }, `${Math.round(second)} s`));
  });
  rows.forEach((weights, row) => {
    const y = 18 + height * row, name = label(data.tgt[row]);
    const group = draw("g", {}, draw("rect", { class: "row", x: 0, y, width, height }),
      draw("text", { x: left - 8, y: y + 14, "text-anchor": "end", lang: languages.target }, name));
    weights.forEach((weight, column) => {
      if (weight < 0.02) return;
      const title = draw("title", {}, `${name} → ${data.src[column]} s ${weight.toFixed(2)}`);
      group.append(draw("rect", { class: "cell", x: left + cell * column, y: y + 1, width: cell,
        height: height - 2, "fill-opacity": weight.toFixed(3) }, title));
    });
    const most = weights.indexOf(Math.max(...weights));
    group.addEventListener("mouseenter", () => {
      told.textContent = `${name}: most attention at ${data.src[most]} s, ${Math.round(100 * weights[most])}%`;
    });
    svg.append(group);
  });
  place.classList.add("attention");
  const matrix = make("div", { className: "matrix" }, spectrogram(data, place, cell, left), svg);
  place.replaceChildren(make("h3", { textContent: "Spectrogram and attention" }), told, matrix);
}

/* A pixel for each position and mel bin, the darker the louder. */
function spectrogram(data, place, cell, left) {
  const levels = Uint8Array.from(atob(data.mels), (letter) => letter.charCodeAt(0));
  const columns = data.src.length, canvas = make("canvas", { width: columns, height: data.bins });
  const pixels = new ImageData(columns, data.bins);
  const ink = matchMedia("(prefers-color-scheme: dark)").matches ? 255 : 0;
  for (let column = 0; column < columns; column++)
    for (let bin = 0; bin < data.bins; bin++) {
      const at = 4 * ((data.bins - 1 - bin) * columns + column);
      pixels.data.set([ink, ink, ink, levels[column * data.bins + bin]], at);
    }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  Object.assign(canvas.style, { display: "block", width: `${cell * columns}px`, height: "120px",
    marginLeft: `${left}px`, imageRendering: "pixelated" });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "spectrogram: time from left to right, pitch from bottom to top");
  return canvas;
}

// Where sources are recordings, this is how attention is shown.
showAttention = showRecording;
