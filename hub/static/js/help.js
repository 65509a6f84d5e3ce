// The keys: which there are, and others in their place.
import { tell } from "./api.js";
import { chooseKeys, chordOf, chosenKeys, commands, holderOf, isPrefix, keysOf, spoken } from "./keys.js";
import { prefer } from "./preferences.js";
import { format, words } from "./words.js";

const FORBIDDEN = /^(Digit\d|Numpad\d|Enter|NumpadEnter|Space|Tab|Shift\+Tab|Arrow\w+|Home|End|PageUp|PageDown)$/;
/** Keys that write, or that everybody needs to move about a page. */

const dialog = () => document.getElementById("keys");

/** Show the keys. */
export function showKeys() {
  draw();
  dialog().showModal();
}

/** Take the keys as they were at first. */
export function resetKeys() {
  keep({});
  draw();
}

function draw() {
  const table = dialog().querySelector("table");
  table.replaceChildren();
  for (const [group, name] of Object.entries(words.groups)) {
    const inside = commands().filter((each) => each.group === group && each.bindable !== false);
    if (!inside.length) continue;
    const body = document.createElement("tbody");
    const head = body.insertRow();
    const title = document.createElement("th");
    title.colSpan = 3;
    title.scope = "rowgroup";
    title.textContent = name;
    head.append(title);
    for (const each of inside) body.append(rowFor(each));
    table.append(body);
  }
}

function rowFor({ name, label }) {
  const row = document.createElement("tr");
  row.dataset.name = name;
  const title = document.createElement("th");
  title.scope = "row";
  title.textContent = label;
  const keys = row.insertCell();
  for (const key of keysOf(name)) {
    const drawn = document.createElement("kbd");
    drawn.textContent = spoken(key);
    keys.append(drawn);
  }
  if (!keysOf(name).length) keys.append(words.keys.none);
  const change = document.createElement("button");
  change.type = "button";
  change.className = "button quiet";
  const what = document.createElement("span");
  what.className = "visually-hidden";
  what.textContent = ` ${label}`;
  change.append(words.keys.change, what);
  change.addEventListener("click", () => capture(row, name, label));
  row.prepend(title);
  row.insertCell().append(change);
  return row;
}

/** Wait for the key that is to be the command's from now on. */
function capture(row, name, label) {
  const [, keys, place] = row.cells;
  const asked = document.createElement("span");
  asked.className = "asked";
  asked.setAttribute("role", "status");
  keys.replaceChildren(asked);
  // A live region says what changes in it: it has to be there before. A key can be quicker.
  requestAnimationFrame(() => {
    asked.textContent ||= words.keys.press;
  });
  const button = place.firstElementChild;
  let first = "";
  const over = new AbortController();
  const done = () => {
    over.abort();
    draw();
    again(name)?.focus();
  };
  button.addEventListener("blur", done, { signal: over.signal });
  dialog().addEventListener(
    "keydown",
    (event) => {
      const chord = chordOf(event);
      if (chord === null) return;
      event.preventDefault();
      event.stopPropagation();
      if (chord === "Escape") return done();
      if (chord === "Backspace" || chord === "Delete") {
        keep({ ...chosenKeys(), [name]: [] });
        return done();
      }
      if (!first && FORBIDDEN.test(chord)) {
        asked.textContent = words.keys.forbidden;
        return;
      }
      if (!first && isPrefix(chord)) {
        first = chord;
        asked.textContent = format(words.keys.second, { key: spoken(chord) });
        return;
      }
      const key = first ? `${first} ${chord}` : chord;
      const holder = holderOf(key, name);
      over.abort();
      if (holder) return offer(row, { name, label, key, holder, done });
      keep({ ...chosenKeys(), [name]: [key] });
      done();
    },
    { signal: over.signal, capture: true },
  );
}

/** The key is another command's: say whose, and let the operator decide. */
function offer(row, { name, label, key, holder, done }) {
  const [, keys] = row.cells;
  const said = document.createElement("p");
  said.className = "conflict";
  said.setAttribute("role", "alert");
  said.textContent = format(words.keys.taken, { key: spoken(key), command: holder.label });
  const take = document.createElement("button");
  take.type = "button";
  take.className = "button";
  take.textContent = format(words.keys.take, { command: label });
  take.addEventListener("click", () => {
    const left = (chosenKeys()[holder.name] ?? holder.usual).filter(
      (other) => other !== key && !other.startsWith(`${key} `) && !key.startsWith(`${other} `),
    );
    keep({ ...chosenKeys(), [holder.name]: left, [name]: [key] });
    done();
  });
  const leave = document.createElement("button");
  leave.type = "button";
  leave.className = "button quiet";
  leave.textContent = words.cancel;
  leave.addEventListener("click", done);
  keys.replaceChildren(said, take, leave);
  take.focus();
}

function again(name) {
  return dialog().querySelector(`tr[data-name="${name}"] button`);
}

let kept = Promise.resolve();

/** From now on these are the keys. The hub is told after what it was told before. */
function keep(keys) {
  chooseKeys(keys);
  kept = kept.then(() => prefer({ keys })).catch(tell);
}
