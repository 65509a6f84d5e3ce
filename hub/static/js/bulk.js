// Rows that are picked, and what is done with all of them. Which are picked is kept here, by number:
// a row that is drawn anew by a live change stays picked.
import { focusedRow, opened, rowOf, rows } from "./navigation.js";
import { plural, words } from "./words.js";

const picked = new Set();
let anchor = null;

/** The numbers of the rows that are picked, in the order of the list. */
export function pickedNumbers() {
  return rows().map((row) => row.dataset.number).filter((number) => picked.has(number));
}

/** Pick a row, or let go of it. */
export function toggle(row, on = !picked.has(row.dataset.number)) {
  anchor = row.dataset.number;
  set([row], on);
}

/** Pick every row from the one picked last to this one. */
export function pickTo(row) {
  const all = rows();
  const from = all.findIndex((each) => each.dataset.number === anchor);
  const to = all.indexOf(row);
  if (from < 0) return toggle(row, true);
  set(all.slice(Math.min(from, to), Math.max(from, to) + 1), true);
}

/** Pick every row there is, or none; whether any was picked before. */
export function pickAll(on) {
  const any = picked.size > 0;
  set(rows(), on);
  if (!on) {
    picked.clear();
    show();
  }
  return any;
}

/** What a command is about: the rows that are picked, the one with the focus, the appeal that is open. */
export function targets() {
  const many = pickedNumbers();
  if (many.length) return many;
  const one = focusedRow()?.dataset.number ?? opened();
  return one ? [one] : [];
}

function set(those, on) {
  for (const row of those) {
    if (on) picked.add(row.dataset.number);
    else picked.delete(row.dataset.number);
  }
  show();
}

function show() {
  const all = rows();
  for (const row of all) {
    const is = picked.has(row.dataset.number);
    row.classList.toggle("picked", is);
    const box = row.querySelector(".pick input");
    if (box && box.checked !== is) box.checked = is;
  }
  const bar = document.getElementById("bulk");
  if (!bar) return;
  const count = pickedNumbers().length;
  const inBar = bar.contains(document.activeElement);
  bar.hidden = count === 0;
  const said = bar.querySelector("[data-selected]");
  const text = count ? plural(words.selected, count) : "";
  // Only what differs is written: the observer below looks at this as well.
  if (said.textContent !== text) said.textContent = text;
  const box = bar.querySelector('[data-command="select-all"]');
  box.checked = count > 0 && count === all.length;
  box.indeterminate = count > 0 && count < all.length;
  if (inBar && bar.hidden) (rowOf(anchor) ?? all[0])?.querySelector(".row-link")?.focus();
}

/** Listen. */
export function listen() {
  const list = document.getElementById("list");
  if (!list) return;
  list.addEventListener("click", (event) => {
    const box = event.target.closest(".pick input");
    if (!box) return;
    const row = box.closest("li.row");
    if (event.shiftKey && anchor) pickTo(row);
    else toggle(row, box.checked);
  });
  // A row that goes away is no longer picked; one that is drawn anew is.
  new MutationObserver(() => {
    const here = new Set(rows().map((row) => row.dataset.number));
    for (const number of picked) if (!here.has(number)) picked.delete(number);
    show();
  }).observe(list, { childList: true, subtree: true });
}
