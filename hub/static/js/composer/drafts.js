// Drafts: what is being written is kept on the hub, a moment after the last key.
//
// A page may be left while something is on its way. What it wrote last then waits in the tab as well,
// where the next page finds it, whichever of the two comes to the hub first.
import { Problem, api } from "../api.js";
import { own } from "../own.js";

const PAUSE = 800;
const MAX_OUTLIVING = 20_000;
/** Characters: browsers carry on with 64 KiB of a page that was left, and no more. */

/** The draft of one appeal. `read` gives what is there; `show` is given what another place wrote. */
export class Draft {
  #address;
  #left;
  #read;
  #show;
  #saved;
  #version = null;
  #timer = 0;
  #writing = Promise.resolve();
  #sending = null;
  /** What is on its way. */
  #dirty = false;
  #over = false;

  constructor(number, { read, show, saved }) {
    this.#address = `appeals/${number}/draft`;
    this.#left = own(`draft:${number}`);
    this.#read = read;
    this.#show = show;
    this.#saved = saved;
  }

  /** The draft that was kept, or null. */
  async load(signal) {
    const draft = (await this.#arrive(signal)) ?? (await api("GET", this.#address, undefined, { signal })).draft;
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
    sessionStorage.removeItem(this.#left);
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

  /** The page goes away, or is only put aside: what is not kept yet goes along with its end. */
  leave() {
    if (this.#over || !(this.#dirty || this.#sending)) return;
    const content = this.#read();
    if (!content) return;
    // Of what is on its way nobody here will hear whether it came first.
    const versions = this.#sending ? [(this.#version ?? 0) + 1, this.#version] : [this.#version];
    sessionStorage.setItem(this.#left, JSON.stringify({ content, versions }));
    if (!this.#dirty) return;
    if (!this.#sending) {
      this.keep();
      return;
    }
    const rest = api("PUT", this.#address, { content, version: versions[0] }, outliving(content)).catch(() => null);
    this.#writing = this.#writing.then(async () => {
      this.#version = (await rest)?.version ?? this.#version;
    });
  }

  /** What the tab's last page left is written, if nothing else was meanwhile. */
  async #arrive(signal) {
    const left = JSON.parse(sessionStorage.getItem(this.#left) ?? "null");
    for (const version of left?.versions ?? []) {
      try {
        const draft = await api("PUT", this.#address, { content: left.content, version }, { signal });
        sessionStorage.removeItem(this.#left);
        return draft;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (error.status === 0 || error.status === 503) return null; // it waits for the next page
      }
    }
    sessionStorage.removeItem(this.#left);
    return null;
  }

  async #keep() {
    if (!this.#dirty || this.#over) return;
    this.#dirty = false;
    const content = this.#read();
    this.#sending = content;
    try {
      if (content) {
        const kept = await api("PUT", this.#address, { content, version: this.#version }, outliving(content));
        this.#version = kept.version;
      } else if (this.#version !== null) {
        await api("DELETE", this.#address, undefined, { outlives: true });
        this.#version = null;
      }
      sessionStorage.removeItem(this.#left);
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
    } finally {
      this.#sending = null;
    }
  }
}

function outliving(content) {
  return { outlives: JSON.stringify(content).length < MAX_OUTLIVING };
}
