// Drafts: what is being written is kept on the hub, a moment after the last key.
import { Problem, api } from "../api.js";

const PAUSE = 800;

/** The draft of one appeal. `read` gives what is there; `show` is given what another place wrote. */
export class Draft {
  #address;
  #read;
  #show;
  #saved;
  #version = null;
  #timer = 0;
  #writing = Promise.resolve();
  #dirty = false;
  #over = false;

  constructor(number, { read, show, saved }) {
    this.#address = `appeals/${number}/draft`;
    this.#read = read;
    this.#show = show;
    this.#saved = saved;
  }

  /** The draft that was kept, or null. */
  async load(signal) {
    const { draft } = await api("GET", this.#address, undefined, { signal });
    this.#version = draft?.version ?? null;
    return draft;
  }

  /** Something changed: it is kept soon. */
  touch() {
    if (this.#over) return;
    this.#dirty = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.keep(), PAUSE);
  }

  /** Keep it now; one writing at a time. */
  keep() {
    clearTimeout(this.#timer);
    this.#writing = this.#writing.then(() => this.#keep());
    return this.#writing;
  }

  /** It was sent: nothing of it is written any more. */
  async finish() {
    this.#over = true;
    clearTimeout(this.#timer);
    await this.#writing;
    this.#version = null;
    this.#dirty = false;
  }

  /** From here on it is a new one. */
  begin() {
    this.#over = false;
  }

  /** What the hub has kept under this version is what stands here. */
  goOn(version) {
    this.#version = version;
  }

  /** The page goes away: what is not kept yet goes along with its end. */
  leave() {
    if (!this.#dirty || this.#over) return;
    clearTimeout(this.#timer);
    const content = this.#read();
    if (!content) return;
    fetch(`/api/v1/${this.#address}`, {
      method: "PUT",
      keepalive: true,
      headers: {
        "Content-Type": "application/json",
        "X-CSRF-Token": document.documentElement.dataset.csrf ?? "",
      },
      body: JSON.stringify({ content, version: this.#version }),
    }).catch(() => {});
  }

  async #keep() {
    if (!this.#dirty || this.#over) return;
    this.#dirty = false;
    const content = this.#read();
    try {
      if (content) {
        const kept = await api("PUT", this.#address, { content, version: this.#version });
        this.#version = kept.version;
      } else if (this.#version !== null) {
        await api("DELETE", this.#address);
        this.#version = null;
      }
      this.#saved();
    } catch (error) {
      if (error instanceof Problem && error.status === 409) {
        const { draft } = error.document;
        this.#version = draft?.version ?? null;
        this.#show(draft ?? null);
      } else if (error instanceof Problem && (error.status === 0 || error.status === 503)) {
        // It stays in the page, and is tried again.
        this.#dirty = true;
        this.#timer = setTimeout(() => this.keep(), 5 * PAUSE);
      } else {
        throw error;
      }
    }
  }
}
