// A dialog that finds a person by what one types of them.
import { Problem } from "./api.js";
import { steer } from "./listbox.js";
import { cardOf, findPeople, reached } from "./people.js";
import { words } from "./words.js";

/** Milliseconds without a key after which the hub is asked. */
const PAUSE = 200;

let parts = null;
let offered = new WeakMap();
let picking = null;
let asking = null;
let timer = 0;

/** Ask who somebody is, and give `{id, name, hint}`, or null. `except` is an id that is not offered. */
export function pickPerson({ title, except }) {
  parts ??= setUp();
  parts.dialog.querySelector("h2").textContent = title;
  parts.input.value = "";
  parts.list.replaceChildren();
  parts.status.textContent = parts.status.dataset.hint;
  return new Promise((resolve) => {
    picking = { resolve, except, chosen: null };
    parts.dialog.showModal();
    parts.input.focus();
  });
}

function setUp() {
  const dialog = document.getElementById("person");
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("[data-people]");
  const steering = steer(input, list, (item) => {
    picking.chosen = offered.get(item);
    dialog.close();
  });
  input.addEventListener("input", typed);
  dialog.addEventListener("close", () => {
    clearTimeout(timer);
    asking?.abort();
    picking?.resolve(picking.chosen);
    picking = null;
  });
  return { dialog, input, list, steering, status: dialog.querySelector("[data-status]") };
}

function typed() {
  clearTimeout(timer);
  asking?.abort();
  const text = parts.input.value.trim();
  if (text.length > 1) timer = setTimeout(() => look(text), PAUSE);
  else parts.list.replaceChildren();
}

async function look(text) {
  const mine = new AbortController();
  asking = mine;
  try {
    const people = (await findPeople(text, mine)).filter(({ id }) => id !== picking?.except);
    const cards = await Promise.all(people.map(({ id }) => cardOf(id, mine)));
    if (mine.signal.aborted) return;
    offered = new WeakMap();
    parts.list.replaceChildren(...cards.map(option));
    parts.status.textContent = cards.length ? "" : words.nothing_found;
    parts.steering.first();
  } catch (error) {
    if (error.name === "AbortError") return;
    parts.status.textContent = error instanceof Problem ? error.message : words.failed;
  }
}

function option(card) {
  const item = document.createElement("li");
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", "false");
  const name = document.createElement("bdi");
  name.textContent = card.name || words.no_name;
  const hint = [reached(card), card.appeals[0]?.number].filter(Boolean).join(" · ");
  const small = document.createElement("small");
  small.className = "muted";
  small.textContent = hint;
  item.append(name, small);
  offered.set(item, { id: card.id, name: card.name, hint });
  return item;
}
