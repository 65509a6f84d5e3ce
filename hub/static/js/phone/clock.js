// `<call-clock datetime>`: how long a call lasts, as telephones show it: "4:05", "1:02:30".
import { now } from "../times.js";

const shown = new Set();
let timer = 0;

/** A length as a telephone shows it. */
export function clock(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const rest = two(seconds % 60);
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}` : `${minutes}:${rest}`;
}

function tick() {
  for (const element of shown) element.show();
}

class CallClock extends HTMLElement {
  static observedAttributes = ["datetime"];

  connectedCallback() {
    shown.add(this);
    timer ||= setInterval(tick, 1000);
    this.show();
  }

  disconnectedCallback() {
    shown.delete(this);
    if (shown.size) return;
    clearInterval(timer);
    timer = 0;
  }

  connectedMoveCallback() {}

  attributeChangedCallback() {
    this.show();
  }

  show() {
    const since = Date.parse(this.getAttribute("datetime"));
    this.textContent = Number.isNaN(since) ? "" : clock(now() - since);
  }
}

customElements.define("call-clock", CallClock);
