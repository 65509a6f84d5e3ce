// Commands and their keys. A key is a place on the keyboard (KeyboardEvent.code), so that it is the
// same in every layout: "KeyJ", "Shift+Slash", "Ctrl+KeyK", "KeyG KeyM" for one after the other.
import { words } from "./words.js";

const PATIENCE = 1500;
/** Milliseconds within which the second key of two comes. */

const registry = new Map();
let chosen = JSON.parse(document.documentElement.dataset.keys ?? "{}");

/**
 * Add a command. `key` is its key, or a list of them; `when()` tells whether it applies now;
 * `run(given)` is called with `{element, value, event}`. `fixed` is a key that stays its own whatever
 * is chosen, `typing` lets it fire while one types, `palette: false` keeps it out of the palette,
 * `icon()` draws it there.
 */
export function command(name, { label, key = [], run, when = () => true, ...rest }) {
  const usual = [key].flat();
  registry.set(name, { name, label: label ?? words.commands?.[name] ?? name, usual, run, when, ...rest });
}

/** Every command, in the order in which they were added. */
export function commands() {
  return [...registry.values()];
}

/** Whether there is such a command, and it applies now. */
export function applies(name) {
  return registry.get(name)?.when() ?? false;
}

/** Do what a command does, if it applies; whether it did. */
export function perform(name, given = {}) {
  const found = registry.get(name);
  if (!found?.when()) return false;
  found.run(given);
  return true;
}

/** The keys of a command as they are now. */
export function keysOf(name) {
  const { usual = [], fixed = [] } = registry.get(name) ?? {};
  return [...(chosen[name] ?? usual), ...[fixed].flat()];
}

/** What was chosen in place of the usual keys, by the names of the commands. */
export function chosenKeys() {
  return chosen;
}

/** Take other keys. */
export function chooseKeys(keys) {
  chosen = keys;
}

/** The command that a key belongs to, or gets in the way of; none of those of `except`. */
export function holderOf(key, except) {
  return commands().find(
    ({ name }) => name !== except && keysOf(name).some((other) => inTheWay(other, key)),
  );
}

function inTheWay(one, other) {
  return one === other || one.startsWith(`${other} `) || other.startsWith(`${one} `);
}

const SIGNS = {
  Slash: "/", Shift_Slash: "?", Comma: ",", Period: ".", Semicolon: ";", Quote: "'", Minus: "-",
  Equal: "=", BracketLeft: "[", BracketRight: "]", Backslash: "\\", Backquote: "`", Shift_Digit2: "@",
  Escape: "Esc", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Space: "␣", Delete: "Del",
};

/** A key in the words that stand on it: "Ctrl K", "?", "G M". */
export function spoken(key) {
  return key.split(" ").map(spokenChord).join(" ");
}

function spokenChord(chord) {
  const parts = chord.split("+");
  const code = parts.pop();
  if (parts.includes("Shift") && `Shift_${code}` in SIGNS) {
    parts.splice(parts.indexOf("Shift"), 1);
    return [...parts, SIGNS[`Shift_${code}`]].join(" ");
  }
  const sign = SIGNS[code] ?? code.replace(/^(Key|Digit)/, "").replace(/^Numpad/, "Num ");
  return [...parts, sign].join(" ");
}

const MODIFIERS = /^(Control|Shift|Alt|Meta|OS|AltGraph|CapsLock|NumLock|ScrollLock|Fn)/;

/** The key that was pressed with what was held down; null for Shift and its like alone. */
export function chordOf(event) {
  if (!event.code || MODIFIERS.test(event.code) || MODIFIERS.test(event.key)) return null;
  const held = [];
  if (event.ctrlKey || event.metaKey) held.push("Ctrl");
  if (event.altKey) held.push("Alt");
  if (event.shiftKey) held.push("Shift");
  return [...held, event.code].join("+");
}

/** Whether keys write text into this element. */
export function isTyping(element) {
  // What is in a dialog that was just closed may have the focus until the next picture is drawn.
  if (!(element instanceof Element) || element.closest("dialog:not([open])")) return false;
  if (element.isContentEditable || element.closest("textarea, select")) return true;
  const input = element.closest("input");
  return input !== null && !/^(checkbox|radio|button|submit|reset|file|image)$/.test(input.type);
}

/** Whether a key is the beginning of another that has two. */
export function isPrefix(key) {
  return commands().some(({ name }) => keysOf(name).some((other) => other.startsWith(`${key} `)));
}

/** Whether a key writes no letter in any layout, whatever it is held with. */
function writesNothing({ ctrlKey, metaKey, code }) {
  return ctrlKey || metaKey || code === "Escape" || /^F\d+$/.test(code);
}

let pending = "";
let waiting = 0;

function forget() {
  clearTimeout(waiting);
  pending = "";
  delete document.documentElement.dataset.pendingKey;
}

function pressed(event) {
  if (event.isComposing || event.defaultPrevented) return;
  // AltGr writes letters; Windows tells of it as of Ctrl and Alt.
  if (event.getModifierState("AltGraph")) return;
  const chord = chordOf(event);
  if (chord === null || document.querySelector("dialog[open]")) return;
  const typing = isTyping(event.target);
  const key = pending ? `${pending} ${chord}` : chord;
  const candidates = commands().filter(({ name, typing: always }) => {
    if (typing && !(always && writesNothing(event))) return false;
    return keysOf(name).includes(key);
  });
  const found = candidates.find(({ when }) => when());
  if (found) {
    forget();
    if (event.repeat && !found.repeats) return;
    event.preventDefault();
    found.run({ event, element: null, value: null });
    return;
  }
  if (!typing && !pending && isPrefix(chord)) {
    event.preventDefault();
    pending = chord;
    document.documentElement.dataset.pendingKey = spoken(chord);
    waiting = setTimeout(forget, PATIENCE);
    return;
  }
  forget();
}

/** Listen, and let buttons with data-command do what they name. */
export function listen() {
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-command]");
    if (!element || element.disabled || element.closest("[data-command-off]")) return;
    perform(element.dataset.command, { element, value: element.dataset.value ?? null, event });
  });
  // A button tells its key to whoever stays on it.
  for (const kind of ["pointerover", "focusin"]) {
    document.addEventListener(kind, (event) => hint(event.target.closest?.("[data-command]")));
  }
}

function hint(element) {
  if (!element) return;
  const [key] = keysOf(element.dataset.command);
  if (!key || element.dataset.value) return;
  element.dataset.plainTitle ??= element.title || element.textContent.trim();
  const named = element.dataset.plainTitle || registry.get(element.dataset.command)?.label || "";
  element.title = named ? `${named} (${spoken(key)})` : spoken(key);
}
