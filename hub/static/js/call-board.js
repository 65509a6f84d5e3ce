// The board of calls, the one on the wall and the list of call-backs: they follow the telephone, and
// their clocks run.
import { fragment } from "./api.js";
import { now } from "./times.js";

const SECOND = 1000;
const ANEW = 30 * SECOND;
/** However still the telephone is: an hour ends, a call-back comes due. */

/** Milliseconds as the hub writes them: 3:05, 1:02:03. */
function length(milliseconds) {
  const whole = Math.max(0, Math.floor(milliseconds / SECOND));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** `<running-time datetime>`: how long ago that was, to the second. */
class RunningTime extends HTMLElement {
  connectedCallback() {
    this.since = Date.parse(this.getAttribute("datetime"));
    this.timer = setInterval(() => this.show(), SECOND);
    this.show();
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  show() {
    const text = length(now() - this.since);
    if (this.textContent !== text) this.textContent = text;
  }
}

/** `<call-board data-address>`: what it holds is read anew whenever something changed. */
class CallBoard extends HTMLElement {
  #pulse = null;
  #shown = "";
  #reading = false;
  #again = false;
  #told = ({ detail }) => {
    if (detail !== this.#pulse) this.read();
    this.#pulse = detail;
  };

  connectedCallback() {
    document.addEventListener("tereze:calls", this.#told);
    this.timer = setInterval(() => this.read(), ANEW);
  }

  disconnectedCallback() {
    document.removeEventListener("tereze:calls", this.#told);
    clearInterval(this.timer);
  }

  async read() {
    this.#again = true;
    if (this.#reading) return;
    this.#reading = true;
    while (this.#again && this.isConnected) {
      this.#again = false;
      // Where the hub does not answer, the page says so, and this is asked again.
      const read = await fragment(this.dataset.address).catch(() => null);
      if (read !== null) this.#show(read);
    }
    this.#reading = false;
  }

  /** What is the same stays: somebody may be about to press it. */
  #show(read) {
    if (read === this.#shown) return;
    if (this.querySelector(":active")) {
      // A button that went away between press and release would have been pressed in vain.
      addEventListener("pointerup", () => setTimeout(() => this.read()), { once: true });
      return;
    }
    this.#shown = read;
    const focused = this.contains(document.activeElement) ? document.activeElement.id : "";
    this.innerHTML = read;
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }
}

customElements.define("running-time", RunningTime);
customElements.define("call-board", CallBoard);

// On the wall nobody signs in again at once: the numbers are old, and say so.
document.addEventListener("tereze:signed-out", () => {
  document.querySelector(".wall #offline")?.removeAttribute("hidden");
});
