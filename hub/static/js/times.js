// Time that passes: how long until a deadline, how long somebody has waited. One timer for all of
// them, set to the moment at which the next text changes; in a tab that nobody sees there is none.
import { redraw } from "./icons.js";
import { words } from "./words.js";

const MINUTE = 60_000;
const SOON = 4 * 60 * MINUTE;
/** A deadline within so much is near, as hub/views/labels.py has it. */

const root = document.documentElement;
// The hub's clock counts, not this machine's.
const ahead = root.dataset.now ? Date.parse(root.dataset.now) - Date.now() : 0;

/** The hub's time, in milliseconds. */
export function now() {
  return Date.now() + ahead;
}

/** A length of time without a sign: its two largest units, or one of ten and more: "2 h 12 min". */
export function span(milliseconds) {
  const { d, h, min } = words.units;
  const minutes = Math.floor(Math.abs(milliseconds) / MINUTE);
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor(minutes / 60) % 24;
  const rest = minutes % 60;
  if (days) return hours && days < 10 ? `${days} ${d} ${hours} ${h}` : `${days} ${d}`;
  if (hours) return rest && hours < 10 ? `${hours} ${h} ${rest} ${min}` : `${hours} ${h}`;
  return `${rest} ${min}`;
}

const shown = new Set();
let timer = 0;

function update() {
  clearTimeout(timer);
  timer = 0;
  if (document.hidden || !shown.size) return;
  const at = now();
  let next = MINUTE;
  for (const element of shown) next = Math.min(next, element.show(at));
  // Texts that change within the same moment change together.
  timer = setTimeout(update, Math.max(next, 200));
}

document.addEventListener("visibilitychange", update);

class PassingTime extends HTMLElement {
  static observedAttributes = ["datetime"];

  connectedCallback() {
    shown.add(this);
    this.schedule();
  }

  disconnectedCallback() {
    shown.delete(this);
  }

  connectedMoveCallback() {}

  attributeChangedCallback() {
    this.at = Date.parse(this.getAttribute("datetime"));
    if (this.isConnected) this.schedule();
  }

  schedule() {
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      update();
    });
  }

  write(text) {
    let place = this.querySelector(":scope > span");
    if (!place) place = this.appendChild(document.createElement("span"));
    // The text itself is changed: to whoever observes the list no element came or went.
    if (!place.firstChild) place.append(text);
    else if (place.firstChild.data !== text) place.firstChild.data = text;
  }
}

let scheduled = false;

/** `<due-time datetime>`: how long until then, or how long since; "soon" within four hours. */
class DueTime extends PassingTime {
  /** Show the text for a moment, and tell in how many milliseconds it changes. */
  show(at) {
    if (Number.isNaN(this.at)) return Infinity;
    const left = this.at - at;
    const state = left <= 0 ? "late" : left <= SOON ? "soon" : "fine";
    for (const each of ["late", "soon", "fine"]) this.classList.toggle(each, each === state);
    this.write((left <= 0 ? "−" : "") + span(left));
    const drawn = this.querySelector("svg.icon");
    if (drawn) {
      redraw(drawn, SIGNS[state]);
      if (drawn.hasAttribute("aria-label")) drawn.setAttribute("aria-label", words.due[state]);
    }
    const untilMinute = left > 0 ? (left % MINUTE) + 1 : MINUTE - (-left % MINUTE);
    return left > SOON ? Math.min(untilMinute, left - SOON) : untilMinute;
  }
}

/** The sign of each state, as hub/templates/inbox/row.html draws it: none is told by colour alone. */
const SIGNS = { late: "alarm", soon: "hourglass-high", fine: "clock" };

/** `<since-time datetime>`: how long ago that was. */
class SinceTime extends PassingTime {
  show(at) {
    if (Number.isNaN(this.at)) return Infinity;
    const gone = Math.max(0, at - this.at);
    this.write(span(gone));
    return MINUTE - (gone % MINUTE);
  }
}

customElements.define("due-time", DueTime);
customElements.define("since-time", SinceTime);

// --- The clock on the office's wall ----------------------------------------------------------------

const zone = root.dataset.zone ?? "Asia/Almaty";
const parts = new Intl.DateTimeFormat("en-CA", {
  timeZone: zone, hourCycle: "h23",
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

/** What the office's clock shows at a moment: `{year, month, day, hour, minute}` and `weekday`, 0 for Sunday. */
export function onTheWall(milliseconds) {
  const read = Object.fromEntries(
    parts.formatToParts(milliseconds).map(({ type, value }) => [type, Number(value)]),
  );
  return { ...read, weekday: new Date(Date.UTC(read.year, read.month - 1, read.day)).getUTCDay() };
}

/** The moment at which the office's clock shows that; a day beyond the month's end is one of the next. */
export function whenTheWallShows({ year, month, day, hour = 0, minute = 0 }) {
  const wanted = Date.UTC(year, month - 1, day, hour, minute);
  let found = wanted;
  // Twice: the first guess may stand on the other side of a change of the clocks.
  for (let round = 0; round < 2; round += 1) {
    const there = onTheWall(found);
    found += wanted - Date.UTC(there.year, there.month - 1, there.day, there.hour, there.minute);
  }
  return found;
}

/** The value of an <input type=datetime-local> or of one of type date, as a moment of the office. */
export function momentOf(value) {
  const [date, time = "00:00"] = value.split("T");
  const [year, month, day] = date.split("-").map(Number);
  const [hour, minute] = time.split(":").map(Number);
  return whenTheWallShows({ year, month, day, hour, minute });
}

const two = (number) => String(number).padStart(2, "0");

/** A moment as <input type=datetime-local> takes it; its first ten characters are the day. */
export function inputValue(milliseconds) {
  const { year, month, day, hour, minute } = onTheWall(milliseconds);
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}`;
}

/** A moment in words, as the pages write it: "02.03.2026 09:05". */
export function moment(milliseconds) {
  const { year, month, day, hour, minute } = onTheWall(milliseconds);
  return `${two(day)}.${two(month)}.${year} ${two(hour)}:${two(minute)}`;
}
