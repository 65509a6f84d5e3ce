// The list: rows are changed, put in and taken out as the hub tells, one by one. While somebody is at
// it with the pointer or the keyboard, nothing moves under them.
import { fragment, tell } from "./api.js";
import { put } from "./navigation.js";
import { showViewers } from "./presence.js";

/** Milliseconds after the last movement in which somebody counts as being at the list. */
const AT_IT = 4_000;
/** Milliseconds for which changes are applied again to rows that another request brings. */
const RECENT = 5_000;
const MOST_ROWS = 100;

const DESCENDING = new Set(["newest", "last_message"]);
/** Orders whose greatest comes first. */

class AppealQueue extends HTMLElement {
  #list;
  #boundary = null;
  #waiting = new Map();
  #recent = new Map();
  #over = new AbortController();
  #movedAt = -Infinity;
  #timer = 0;
  #reading = null;
  #observer = new MutationObserver(() => this.#joined());

  connectedCallback() {
    if (this.#list) return;
    this.#list = this.querySelector("ol");
    this.#noteEnd();
    const { signal } = this.#over;
    const moved = () => this.#moved();
    for (const name of ["pointermove", "pointerdown", "wheel", "keydown", "focusin"]) {
      this.addEventListener(name, moved, { signal, passive: true });
    }
    this.addEventListener("pointerleave", () => this.#left(), { signal });
    this.addEventListener("focusout", ({ relatedTarget }) => this.contains(relatedTarget) || this.#left(), { signal });
    const hear = (name, act) => document.addEventListener(`tereze:${name}`, act, { signal });
    hear("rows", ({ detail }) => this.apply(detail.rows, detail.gone));
    hear("reload", () => this.reread());
    this.#observer.observe(this.#list, { childList: true });
    showViewers(this);
    if (!this.querySelector("[data-empty]")?.hidden) this.#tellStanding();
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.#over.abort();
    this.#observer.disconnect();
    clearTimeout(this.#timer);
  }

  get #rows() {
    return [...this.#list.querySelectorAll(":scope > li.row")];
  }

  #row(number) {
    return this.#list.querySelector(`:scope > li.row[data-number="${number}"]`);
  }

  // --- Changes --------------------------------------------------------------------------------------

  /** Take in rows that are new or have changed, and numbers that left. */
  apply(rows, gone) {
    const now = Date.now();
    for (const { number, html } of rows) {
      this.#waiting.set(number, parsed(html));
      this.#recent.set(number, { html, at: now });
    }
    for (const number of gone) {
      this.#waiting.set(number, null);
      this.#recent.set(number, { html: null, at: now });
    }
    for (const [number, { at }] of this.#recent) if (now - at > RECENT) this.#recent.delete(number);
    this.#settle();
  }

  /** Do what may be done now; the rest waits until nobody is at the list. */
  #settle() {
    const isHeld = performance.now() - this.#movedAt < AT_IT;
    const anchor = this.#anchor();
    for (const [number, fresh] of this.#waiting) {
      const row = this.#row(number);
      if (row && fresh) morph(row, fresh.cloneNode(true));
      const stays = row && fresh && this.#isInPlace(row);
      if (!stays && !(!row && (!fresh || this.#isBeyond(fresh)))) {
        if (isHeld) {
          row?.classList.toggle("leaving", !fresh);
          continue;
        }
        if (fresh) this.#place(row ?? fresh);
        else this.#remove(row);
      }
      this.#waiting.delete(number);
    }
    this.#keep(anchor);
    this.#showEmpty();
    this.#observer.takeRecords();
  }

  #place(row) {
    if (this.#isBeyond(row)) {
      row.remove();
      return;
    }
    const after = this.#rows.find((other) => other !== row && this.#comesBefore(row, other));
    const place = after ?? this.#list.querySelector(":scope > .more");
    if (row.isConnected && this.#list.moveBefore) this.#list.moveBefore(row, place);
    else this.#list.insertBefore(row, place);
    showViewers(row);
  }

  #remove(row) {
    if (row.contains(document.activeElement)) {
      const beside = row.nextElementSibling?.matches(".row") ? row.nextElementSibling : row.previousElementSibling;
      (beside?.querySelector(".row-link") ?? this).focus({ preventScroll: true });
    }
    row.remove();
  }

  // --- Order ----------------------------------------------------------------------------------------

  /** What the order goes by, and the id: as the hub's own list, which may go by the id alone. */
  #keyOf(row) {
    const keys = JSON.parse(row.dataset.keys);
    return [keys[this.dataset.sort] ?? "", keys.id];
  }

  #comesBefore(one, other) {
    const order = compare(this.#keyOf(one), this.#keyOf(other));
    return DESCENDING.has(this.dataset.sort) ? order > 0 : order < 0;
  }

  #isInPlace(row) {
    const before = previousRow(row);
    const after = nextRow(row);
    if (this.#isBeyond(row)) return false;
    return (!before || !this.#comesBefore(row, before)) && (!after || !this.#comesBefore(after, row));
  }

  /** Whether a row belongs to what "More" will bring. */
  #isBeyond(row) {
    if (!this.#boundary || !this.#list.querySelector(":scope > .more")) return false;
    const order = compare(this.#keyOf(row), this.#boundary);
    return DESCENDING.has(this.dataset.sort) ? order < 0 : order > 0;
  }

  /** Remember where the rows end that the hub has given: what follows, "More" brings. */
  #noteEnd() {
    const last = this.#rows.at(-1);
    this.#boundary = last ? this.#keyOf(last) : null;
  }

  /** Rows came by "More": they were read before some of what was told meanwhile. */
  #joined() {
    this.#noteEnd();
    const seen = new Set();
    for (const row of this.#rows) {
      // A row that moved down while it was read is there twice: the second is the newer.
      if (seen.has(row.dataset.number)) this.#row(row.dataset.number).remove();
      seen.add(row.dataset.number);
    }
    this.#again(RECENT);
  }

  /** Apply once more what was told within so many milliseconds. */
  #again(within) {
    const since = Date.now() - within;
    for (const [number, { html, at }] of this.#recent) {
      if (at >= since) this.#waiting.set(number, html === null ? null : parsed(html));
    }
    this.#settle();
  }

  // --- Whoever is at the list -----------------------------------------------------------------------

  #moved() {
    this.#movedAt = performance.now();
    this.#release(AT_IT + 50);
  }

  #left() {
    this.#movedAt = -Infinity;
    this.#release(0);
  }

  #release(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#waiting.size && this.#settle(), wait);
  }

  /** The row that is to stay where it is on the screen: the one in use, else the first one seen. */
  #anchor() {
    const used = this.#list.querySelector(":scope > li.row:hover, :scope > li.row:focus-within");
    const top = this.getBoundingClientRect().top;
    const seen = (each) => each.getBoundingClientRect().bottom > top;
    const row = used ?? (this.scrollTop > 0 ? this.#rows.find(seen) : null);
    return row && { row, offset: row.getBoundingClientRect().top };
  }

  #keep(anchor) {
    if (!anchor?.row.isConnected) return;
    const moved = anchor.row.getBoundingClientRect().top - anchor.offset;
    if (moved) this.scrollTop += moved;
  }

  #showEmpty() {
    const empty = this.querySelector("[data-empty]");
    if (!empty) return;
    const before = empty.hidden;
    empty.hidden = this.#list.querySelector(":scope > li") !== null;
    if (before && !empty.hidden) this.#tellStanding();
  }

  /** Say how the channels are: a list with nothing in it must not look like one that is broken. */
  async #tellStanding() {
    const place = this.querySelector("[data-standing]");
    try {
      const html = await fragment("/channels/standing", { signal: this.#over.signal });
      if (place) place.innerHTML = html;
    } catch (error) {
      if (!this.#over.signal.aborted) tell(error);
    }
  }

  // --- Reading anew ---------------------------------------------------------------------------------

  /** Read the list anew, as far as it was read, and keep what is picked, seen and in use. */
  async reread() {
    this.#reading?.abort();
    const mine = new AbortController();
    this.#reading = mine;
    const { signal } = mine;
    const began = Date.now();
    const count = this.#rows.length;
    try {
      const asked = new URLSearchParams(this.dataset.view);
      if (count > 50) asked.set("limit", String(MOST_ROWS));
      const fresh = queueOf(await fragment(`/inbox?${asked}`, { signal }));
      const rows = fresh.querySelector("ol");
      for (let more = moreOf(rows); more && rows.children.length <= count; more = moreOf(rows)) {
        const page = document.createElement("ol");
        page.innerHTML = await fragment(more.getAttribute("hx-get"), { signal });
        more.closest("li").replaceWith(...page.children);
      }
      if (!this.isConnected || signal.aborted) return;
      this.#replace(rows);
      this.dataset.cursor = fresh.dataset.cursor;
      this.#again(Date.now() - began);
      document.dispatchEvent(new CustomEvent("tereze:listed"));
    } catch (error) {
      if (!signal.aborted) tell(error);
    } finally {
      if (this.#reading === mine) this.#reading = null;
    }
  }

  #replace(fresh) {
    const anchor = this.#anchor();
    const focused = this.#list.contains(document.activeElement) ? document.activeElement.closest("li.row") : null;
    this.#waiting.clear();
    const wanted = [...fresh.children].map((each) => {
      const known = each.dataset.number ? this.#row(each.dataset.number) : null;
      if (known) morph(known, each);
      return known ?? each;
    });
    const kept = new Set(wanted);
    for (const each of [...this.#list.children]) if (!kept.has(each)) each.remove();
    wanted.forEach((each, at) => {
      if (this.#list.children[at] !== each) this.#list.insertBefore(each, this.#list.children[at] ?? null);
    });
    const more = this.#list.querySelector(":scope > .more");
    if (more) put(more, more.innerHTML);
    this.#noteEnd();
    if (focused?.isConnected && !focused.contains(document.activeElement)) {
      focused.querySelector(".row-link").focus({ preventScroll: true });
    }
    this.#keep(anchor);
    this.#showEmpty();
    this.#observer.takeRecords();
    showViewers(this);
  }
}

function compare([key, id], [otherKey, otherId]) {
  if (key !== otherKey) return key < otherKey ? -1 : 1;
  return id === otherId ? 0 : id < otherId ? -1 : 1;
}

function previousRow(row) {
  const before = row.previousElementSibling;
  return before?.matches(".row") ? before : null;
}

function nextRow(row) {
  const after = row.nextElementSibling;
  return after?.matches(".row") ? after : null;
}

function moreOf(rows) {
  return rows.querySelector(".more [hx-get]");
}

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function queueOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.querySelector("appeal-queue");
}

/** Change a row in its place: whatever has the focus, is picked or open in it stays so. */
function morph(row, fresh) {
  row.dataset.keys = fresh.dataset.keys;
  const own = ["picked", "open"].filter((name) => row.classList.contains(name));
  row.className = fresh.className;
  row.classList.add(...own);
  const link = row.querySelector(".row-link");
  const change = fresh.querySelector(".row-link");
  for (const name of ["href", "aria-label"]) {
    const value = change.getAttribute(name);
    if (value === null) link.removeAttribute(name);
    else if (link.getAttribute(name) !== value) link.setAttribute(name, value);
  }
  const viewers = link.querySelector("[data-viewers]");
  if (viewers) change.querySelector("[data-viewers]")?.replaceWith(viewers.cloneNode(true));
  if (!sameChildren(link, change)) link.replaceChildren(...change.childNodes);
}

function sameChildren(one, other) {
  const left = [...one.childNodes];
  const right = [...other.childNodes];
  return left.length === right.length && left.every((each, at) => each.isEqualNode(right[at]));
}

customElements.define("appeal-queue", AppealQueue);
