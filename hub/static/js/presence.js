// Colleagues who have an appeal open, in its row and in its head: `data-viewers`.
import { icon } from "./icons.js";
import { format, words } from "./words.js";

const me = document.documentElement.dataset.operator;
const known = new Map();

/** Write the viewers into a row or a thread's head. */
export function showViewers(within) {
  for (const place of within.querySelectorAll("[data-viewers]")) {
    const number = place.dataset.viewers || place.closest("[data-number]")?.dataset.number;
    draw(place, known.get(number) ?? []);
  }
}

function draw(place, viewers) {
  const text = viewers
    .map(({ name, typing }) => format(typing ? words.live.writes : words.live.looks, { name }))
    .join(", ");
  if (place.title === text) return;
  place.title = text;
  place.replaceChildren();
  if (!text) return;
  const writes = viewers.some(({ typing }) => typing);
  place.classList.toggle("writing", writes);
  place.append(writes ? icon("pencil", text) : icon("eye", text));
  const names = document.createElement("span");
  names.setAttribute("aria-hidden", "true");
  names.textContent = viewers.map(({ name }) => initials(name)).join(" ");
  place.append(names);
}

function initials(name) {
  return name.split(/\s+/).map(([first]) => first ?? "").join("").slice(0, 2);
}

/** Show who is where, as it is told. */
export function listen() {
  document.addEventListener("tereze:presence", ({ detail }) => {
    for (const [number, viewers] of Object.entries(detail)) {
      const others = viewers.filter(({ id }) => id !== me);
      if (others.length) known.set(number, others);
      else known.delete(number);
    }
    showViewers(document);
  });
  for (const name of ["listed", "opened", "patched"]) {
    document.addEventListener(`tereze:${name}`, () => showViewers(document));
  }
}
