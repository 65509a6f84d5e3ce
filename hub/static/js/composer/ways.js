// Where a reply goes: the ways to the citizen, whether each can be gone now, and until when.
import { api } from "../api.js";
import { now, span } from "../times.js";
import { format, words } from "../words.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The ways of an appeal, in the selection above the text. */
export class Ways {
  #select;
  #window;
  #said;
  items = [];

  constructor(composer, said) {
    this.#select = composer.querySelector("[data-way]");
    this.#window = composer.querySelector("[data-window]");
    this.#said = said;
  }

  /** Ask the hub; what was chosen stays chosen where it still is. */
  async load(number, signal) {
    this.items = (await api("GET", `appeals/${number}/ways`, undefined, { signal })).items;
    const chosen = this.#select.value; // by now: somebody may have chosen while it was asked
    this.#select.replaceChildren(...this.items.map(option));
    this.#select.hidden = this.items.length === 0;
    this.choose(chosen);
  }

  /** Choose a way by its key; without one, where a reply goes that names none. */
  choose(key) {
    const known = this.items.find((way) => keyOf(way) === key);
    const chosen = known ?? this.items.find((way) => way.default) ?? this.items[0];
    if (chosen) this.#select.value = keyOf(chosen);
  }

  /** Choose the way that a draft says. */
  chooseBy({ private: privately, via }) {
    const meant = this.items.find((way) => {
      if (privately) return way.kind === "private";
      if (!via) return way.default;
      const there = way.channel === via.channel && way.account === via.account;
      return there && (!via.point || way.point.value === via.point.value);
    });
    this.choose(meant ? keyOf(meant) : "");
  }

  get key() {
    return this.#select.value;
  }

  get current() {
    return this.items.find((way) => keyOf(way) === this.#select.value) ?? null;
  }

  /** What the request for a reply says of the way; nothing for the appeal's own thread. */
  get fields() {
    const way = this.current;
    if (!way || way.kind === "thread") return {};
    if (way.kind === "private") return { private: true };
    return { via: { channel: way.channel, account: way.account, point: way.point } };
  }

  /** Tell how long the window stays open; to be called as time passes. */
  tell(at = now()) {
    const closes = this.current?.window_closes_at;
    this.#window.hidden = !closes;
    if (!closes) return;
    const left = Date.parse(closes) - at;
    const open = left > 0;
    this.#window.textContent = open
      ? format(this.#said.window, { time: span(Math.max(left, MINUTE)) })
      : this.#said.closed;
    this.#window.classList.toggle("soon", left < 4 * HOUR);
  }
}

/** A way's name among the others. */
export function keyOf(way) {
  return [way.kind, way.channel, way.account, way.point.scheme, way.point.value].join("|");
}

function option(way) {
  const made = document.createElement("option");
  made.value = keyOf(way);
  const parts = [words.channels[way.channel] ?? way.channel];
  if (way.label) parts.push(way.label);
  parts.push(words.ways[way.public ? "public" : way.kind]);
  made.textContent = parts.join(" · ") + (way.possible || way.templates ? "" : ` — ${words.ways.impossible}`);
  return made;
}
