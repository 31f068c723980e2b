"use strict";
/* A list of sentences that can be searched, sorted, filtered and paged through.

   browse(rows, {texts, keep, element}): texts(row) are searched, keep(row) says whether the boxes
   that are ticked let it through, element(row) shows it. The value of the order is a key of the
   rows, with a minus for the largest first. */

const PAGE_SIZE = 20;
const part = (id) => document.getElementById(id);

function browse(rows, { texts, keep, element }) {
  const folded = (text) => text.normalize("NFC").toLocaleLowerCase();
  const counted = (count) => count.toLocaleString("en");
  let page = 0, found = rows;

  const matching = () => {
    const wanted = folded(part("search").value);
    return rows.filter((row) =>
      keep(row) && (!wanted || texts(row).some((text) => folded(text).includes(wanted))));
  };
  const sorted = (some) => {
    const order = part("order").value, down = order.startsWith("-"), key = order.replace("-", "");
    return [...some].sort((a, b) => (down ? b[key] - a[key] : a[key] - b[key]) || a.line - b.line);
  };
  const show = () => {
    const start = page * PAGE_SIZE, total = found.length;
    const shown = found.slice(start, start + PAGE_SIZE);
    part("list").replaceChildren(...shown.map(element));
    part("count").textContent = total === rows.length ? "" : total
      ? `${counted(total)} of ${counted(rows.length)} sentences` : "No sentence matches.";
    part("place").textContent = total ? `${counted(start + 1)}–${counted(start + shown.length)} of ${counted(total)}` : "";
    part("previous").disabled = page === 0;
    part("next").disabled = start + PAGE_SIZE >= total;
    part("pages").hidden = total <= PAGE_SIZE;
  };
  const update = () => { found = sorted(matching()); page = 0; show(); };
  const turn = (step) => {
    page += step;
    show();
    part("list").querySelector("summary")?.focus({ preventScroll: true });
    part("sentences").scrollIntoView();
  };

  part("controls").hidden = false;
  part("controls").addEventListener("submit", (event) => event.preventDefault());
  part("controls").addEventListener("input", update);
  part("previous").addEventListener("click", () => turn(-1));
  part("next").addEventListener("click", () => turn(1));
  update();
}

/* A list entry that opens: its details are made when they are first looked at. */
function foldedEntry(line, texts, figures, detail) {
  const summary = make("summary", {},
    make("span", { className: "line-number", textContent: line }), texts, figures);
  const details = make("details", {}, summary);
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(detail());
  });
  return make("li", {}, details);
}
