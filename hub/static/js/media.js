// Pictures of a thread: looked at one after the other; those that cannot be shown are files to take.
import "./place-map.js";

import { icon } from "./icons.js";
import { format } from "./words.js";

const PHOTO = "a[data-photo]";

const said = JSON.parse(document.getElementById("media-words")?.dataset.words ?? "{}");

// --- Pictures that cannot be shown ------------------------------------------------------------------

/** Addresses of files of which no picture could be made: asking again would bring the same. */
const unshown = new Set();

/** Put a link to the file where its picture should have been. */
function asFile(link) {
  const picture = link.querySelector("img");
  unshown.add(link.href);
  if (link.matches(".pictured")) {
    link.remove(); // its file is offered below it already
    return;
  }
  delete link.dataset.photo;
  link.className = "file";
  link.setAttribute("download", "");
  const name = document.createElement("bdi");
  name.textContent = picture?.alt || said.file;
  const text = document.createElement("span");
  text.append(name);
  link.replaceChildren(icon("file-text"), text);
}

/** What is known not to be shown, in messages that have just come, before it is asked for again. */
function settle() {
  for (const link of document.querySelectorAll(PHOTO)) {
    const picture = link.querySelector("img");
    const failed = picture?.complete && picture.naturalWidth === 0 && picture.currentSrc;
    if (failed || unshown.has(link.href)) asFile(link);
  }
}

document.addEventListener(
  "error",
  ({ target }) => {
    const link = target instanceof HTMLImageElement ? target.closest(PHOTO) : null;
    if (link) asFile(link);
  },
  true,
);
document.addEventListener("tereze:patched", settle);
document.addEventListener("tereze:opened", settle);
settle();

// --- Looking at them --------------------------------------------------------------------------------

class Viewer {
  #dialog;
  #picture;
  #zoom;
  #stage;
  #photos = [];
  #at = 0;

  constructor(dialog) {
    this.#dialog = dialog;
    this.#stage = dialog.querySelector("[data-stage]");
    this.#zoom = dialog.querySelector("[data-zoom]");
    this.#picture = this.#zoom.querySelector("img");
    dialog.addEventListener("click", (event) => this.#clicked(event));
    dialog.addEventListener("keydown", (event) => this.#pressed(event));
    dialog.addEventListener("close", () => this.#closed());
    this.#picture.addEventListener("error", () => this.#tellBroken(true));
    this.#picture.addEventListener("load", () => this.#tellBroken(false));
  }

  /** Show a photo; those beside it in the same list can be reached from it. */
  open(link) {
    const around = link.closest(".messages") ?? link.closest("section, aside, main") ?? document;
    this.#photos = [...around.querySelectorAll(PHOTO)].map((each) => ({
      address: each.href,
      name: each.querySelector("img")?.alt ?? "",
    }));
    this.#at = Math.max(0, this.#photos.findIndex((each) => each.address === link.href));
    this.#dialog.showModal();
    this.#show();
    this.#zoom.focus();
  }

  #show() {
    const { address, name } = this.#photos[this.#at];
    this.#fit();
    this.#tellBroken(false);
    this.#picture.src = address;
    this.#picture.alt = name;
    this.#dialog.querySelector("[data-name]").textContent = name;
    this.#dialog.querySelector("[data-download]").href = address;
    const several = this.#photos.length > 1;
    this.#dialog.querySelector("[data-place]").textContent = several
      ? format(said.of, { n: this.#at + 1, count: this.#photos.length })
      : "";
    for (const button of this.#dialog.querySelectorAll("[data-step]")) {
      button.hidden = !several;
      button.disabled = !(this.#at + Number(button.dataset.step) in this.#photos);
    }
  }

  #step(by) {
    if (!(this.#at + by in this.#photos)) return;
    this.#at += by;
    this.#show();
    // A button that is at its end lets go of the focus, and with it of the keys.
    if (!this.#dialog.contains(document.activeElement) || document.activeElement.disabled) this.#zoom.focus();
  }

  #clicked(event) {
    const button = event.target.closest("button");
    if (button?.dataset.step) this.#step(Number(button.dataset.step));
    else if (button === this.#zoom) this.#toggle(event);
  }

  #pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const zoomed = this.#zoom.getAttribute("aria-pressed") === "true";
    const steps = { PageUp: -1, PageDown: 1, ...(zoomed ? {} : { ArrowLeft: -1, ArrowRight: 1 }) };
    if (event.code in steps) {
      event.preventDefault();
      this.#step(steps[event.code]);
    } else if (zoomed && event.code.startsWith("Arrow")) {
      event.preventDefault();
      const by = { ArrowLeft: [-80, 0], ArrowRight: [80, 0], ArrowUp: [0, -80], ArrowDown: [0, 80] }[event.code];
      this.#stage.scrollBy(...by);
    }
  }

  /** As large as it is, or twice as large as it fits, around the place that was clicked; or back. */
  #toggle(event) {
    if (this.#zoom.getAttribute("aria-pressed") === "true") {
      this.#fit();
      return;
    }
    const fits = this.#picture.getBoundingClientRect();
    const byKey = event.detail === 0;
    const across = byKey ? 0.5 : (event.clientX - fits.left) / fits.width;
    const down = byKey ? 0.5 : (event.clientY - fits.top) / fits.height;
    this.#zoom.setAttribute("aria-pressed", "true");
    this.#picture.style.inlineSize = `${Math.max(this.#picture.naturalWidth, fits.width * 2)}px`;
    const large = this.#picture.getBoundingClientRect();
    this.#stage.scrollTo({
      left: across * large.width - this.#stage.clientWidth / 2,
      top: down * large.height - this.#stage.clientHeight / 2,
      behavior: "instant",
    });
  }

  #fit() {
    this.#zoom.setAttribute("aria-pressed", "false");
    this.#picture.style.inlineSize = "";
  }

  #tellBroken(is) {
    this.#zoom.hidden = is;
    this.#dialog.querySelector("[data-broken]").hidden = !is;
  }

  #closed() {
    const { address } = this.#photos[this.#at];
    this.#picture.removeAttribute("src");
    // What was looked at last; the thread may have been patched meanwhile.
    const shown = [...document.querySelectorAll(PHOTO)].find((each) => each.href === address);
    shown?.focus({ preventScroll: true });
    shown?.scrollIntoView({ block: "nearest" });
  }
}

const dialog = document.getElementById("viewer");
const viewer = dialog ? new Viewer(dialog) : null;

document.addEventListener("click", (event) => {
  if (!viewer || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.(PHOTO);
  if (!link) return;
  event.preventDefault();
  viewer.open(link);
});
