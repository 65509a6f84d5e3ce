// Moving about the desk without loading the page anew: to another list, to an appeal, and back.
import htmx from "../vendor/htmx.js";

import { fragment, tell, wholePage } from "./api.js";
import { own } from "./own.js";

const NUMBER = /^\/inbox\/([A-Z]{2,5}-\d{4}-\d{7,12})$/;

const place = (id) => document.getElementById(id);
const desk = () => document.querySelector("main.inbox");

// --- Rows -----------------------------------------------------------------------------------------

/** The rows of the list, from the top. */
export function rows() {
  return [...document.querySelectorAll("#list li.row")];
}

/** The row of an appeal, if the list has it. */
export function rowOf(number) {
  return document.querySelector(`#list li.row[data-number="${number}"]`);
}

/** The appeal that is open, or null. */
export function opened() {
  return desk()?.dataset.openAppeal ?? null;
}

/** The row that has the focus, or null. */
export function focusedRow() {
  return document.activeElement?.closest("#list li.row") ?? null;
}

/** Give a row the focus, and bring it into sight. */
export function focusRow(row) {
  row?.querySelector(".row-link")?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

/** The row `by` places after the one with the focus, else after the one that is open. */
export function rowBeside(by) {
  const all = rows();
  const from = focusedRow() ?? (reading() ? rowOf(opened()) : null) ?? rowOf(last.number);
  if (from) return all[all.indexOf(from) + by] ?? null;
  // What stands now where the last one stood, before it left the list.
  return all[Math.min(last.place, all.length - 1) + (by < 0 ? by : 0)] ?? all[0] ?? null;
}

/** Whether the focus is in the appeal. */
export function reading() {
  return place("thread")?.contains(document.activeElement) ?? false;
}

/** The row that had the focus last, and how many stood before it. */
let last = { number: null, place: 0 };

document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("#list li.row");
  if (row) last = { number: row.dataset.number, place: rows().indexOf(row) };
});

// --- An appeal ------------------------------------------------------------------------------------

let opening = null;

/**
 * Show an appeal beside the list. With `focus` its heading gets the focus; without `push` the
 * address stays. "tereze:opened" tells that it stands there.
 */
export async function openAppeal(number, { focus = false, push = true } = {}) {
  const main = desk();
  if (!main) {
    location.assign(`/inbox/${number}?queue=mine&sort=due`);
    return;
  }
  opening?.abort();
  const mine = new AbortController();
  opening = mine;
  const before = opened();
  main.dataset.openAppeal = number;
  mark(number);
  const thread = place("thread");
  const panel = place("panel");
  thread.setAttribute("aria-busy", "true");
  try {
    const [said, known] = await Promise.all([
      fragment(`/appeals/${number}/thread`, { signal: mine.signal }),
      fragment(`/appeals/${number}/panel`, { signal: mine.signal }).catch((error) => {
        if (error.name === "AbortError") throw error;
        return "";
      }),
    ]);
    put(thread, said);
    put(panel, known);
    delete panel.dataset.load;
  } catch (error) {
    if (mine.signal.aborted) return;
    if (before) main.dataset.openAppeal = before;
    else delete main.dataset.openAppeal;
    mark(before);
    tell(error);
    return;
  } finally {
    if (opening === mine) {
      opening = null;
      thread.removeAttribute("aria-busy");
    }
  }
  if (push) history.pushState(null, "", `/inbox/${number}${location.search}`);
  entitle();
  if (focus) place("appeal-title")?.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("tereze:opened", { detail: { number } }));
}

/** Close the appeal: only the list is there. */
export function closeAppeal({ push = true } = {}) {
  const main = desk();
  const number = opened();
  if (!main || !number) return;
  opening?.abort();
  delete main.dataset.openAppeal;
  place("thread").replaceChildren(place("nothing-open").content.cloneNode(true));
  place("panel").replaceChildren();
  mark(null);
  if (push) history.pushState(null, "", `/inbox${location.search}`);
  entitle();
  document.dispatchEvent(new CustomEvent("tereze:closed", { detail: { number } }));
}

/** Mark the row of the appeal that is open; rows that come later are marked by the observer. */
function mark(number) {
  for (const link of document.querySelectorAll("#list .row-link")) {
    const is = link.closest("li.row").dataset.number === number;
    if (is) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    link.closest("li.row").classList.toggle("open", is);
  }
}

// --- A list ---------------------------------------------------------------------------------------

let listing = null;

/** Show another list; `address` is one of /inbox?… With `focus` its first row gets the focus. */
export async function openList(address, { focus = false, push = true, keep = false } = {}) {
  const list = place("list");
  const to = new URL(address, location.href);
  if (!list || to.pathname !== "/inbox") {
    location.assign(to);
    return;
  }
  listing?.abort();
  const mine = new AbortController();
  listing = mine;
  list.setAttribute("aria-busy", "true");
  const within = list.contains(document.activeElement) ? document.activeElement.id : "";
  try {
    put(list, await fragment(to.pathname + to.search, { signal: mine.signal }));
  } catch (error) {
    if (!mine.signal.aborted) tell(error);
    return;
  } finally {
    if (listing === mine) {
      listing = null;
      list.removeAttribute("aria-busy");
    }
  }
  const stays = keep ? opened() : null;
  if (!stays) closeAppeal({ push: false });
  if (push) history.pushState(null, "", (stays ? `/inbox/${stays}` : "/inbox") + to.search);
  mark(opened());
  markPlace();
  entitle();
  if (focus) focusRow(rows()[0] ?? null);
  else if (within) place(within)?.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("tereze:listed"));
}

/** Mark in the navigation where one is: in a saved view, else in a queue. */
function markPlace() {
  const here = new URLSearchParams(location.search);
  const links = [...document.querySelectorAll('.nav a[href^="/inbox?"]')];
  const asked = (link) => new URL(link.href).searchParams;
  const inView = links.find((link) => link.dataset.view && isSame(asked(link), here));
  for (const link of links) {
    const inQueue = !link.dataset.view && ["queue", "team"].every((name) => asked(link).get(name) === here.get(name));
    if (inView ? link === inView : inQueue) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  showPlace();
}

/** On a small screen the navigation is a strip of which a part is seen: the part where one is. */
function showPlace() {
  document.querySelector('.nav [aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function isSame(one, other) {
  const sorted = (asked) => JSON.stringify([...asked].filter(([, value]) => value).sort());
  return sorted(one) === sorted(other);
}

/** Read the navigation anew: a view was saved, or is no more. Throws: Problem. */
export async function renewPlaces() {
  const nav = document.querySelector(".nav");
  const page = new DOMParser().parseFromString(await wholePage(location.href), "text/html");
  nav.replaceChildren(...page.querySelector(".nav").children);
  markPlace();
  document.dispatchEvent(new CustomEvent("tereze:placed"));
}

function entitle() {
  const list = place("list-title")?.dataset.title;
  if (!list) return;
  document.title = [opened(), list, "Tereze"].filter(Boolean).join(" · ");
  place("list").setAttribute("aria-label", list);
}

/** Put a piece of a page in its place, and bring it to life. */
export function put(element, html) {
  element.innerHTML = html;
  htmx.process(element);
}

// --- Links, and the browser's own back and forward -------------------------------------------------

function plain(event) {
  return event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
}

function clicked(event) {
  if (event.defaultPrevented || !plain(event) || !desk()) return;
  const link = event.target.closest("a[href]");
  if (!link || link.target || link.origin !== location.origin || link.hasAttribute("download")) return;
  const number = NUMBER.exec(link.pathname)?.[1];
  // A click that the keyboard made has no place on the screen.
  const focus = event.detail === 0;
  if (number) {
    event.preventDefault();
    if (number !== opened() || focus) openAppeal(number, { focus, push: number !== opened() });
  } else if (link.pathname === "/inbox" && link.search) {
    event.preventDefault();
    openList(link.href);
  }
}

/** In the list the arrows go from row to row. */
function pressed(event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  if (event.defaultPrevented || !event.target.closest?.("#list .row-link")) return;
  event.preventDefault();
  focusRow(rowBeside(by));
}

async function moved() {
  if (!desk()) return;
  const number = NUMBER.exec(location.pathname)?.[1] ?? null;
  if (!number && location.pathname !== "/inbox") return;
  if (location.search !== shownSearch) await openList(`/inbox${location.search}`, { push: false, keep: true });
  shownSearch = location.search;
  if (number && number !== opened()) await openAppeal(number, { push: false });
  else if (!number) closeAppeal({ push: false });
}

let shownSearch = location.search;
for (const event of ["tereze:listed", "tereze:opened"]) {
  document.addEventListener(event, () => {
    shownSearch = location.search;
  });
}

// --- What survives a reload ------------------------------------------------------------------------

const KEPT = own("kept");
const SCROLLED = ["#list .rows", "#thread .log", "#panel", ".page"];

/** Load the page anew, with everything where it was. */
export function reload() {
  const scrolled = SCROLLED.map((selector) => document.querySelector(selector)?.scrollTop ?? 0);
  const focused = document.activeElement?.id ?? "";
  sessionStorage.setItem(KEPT, JSON.stringify({ address: location.href, scrolled, focused }));
  location.reload();
}

function restore() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  sessionStorage.removeItem(KEPT);
  if (kept?.address !== location.href) return;
  SCROLLED.forEach((selector, at) => {
    const element = document.querySelector(selector);
    if (element) element.scrollTop = kept.scrolled[at];
  });
  if (kept.focused) place(kept.focused)?.focus({ preventScroll: true });
}

/** Listen. */
export function navigate() {
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", pressed);
  addEventListener("popstate", moved);
  restore();
  showPlace();
  const main = desk();
  if (!main) return;
  markPlace();
  mark(opened());
  const row = rowOf(opened());
  row?.scrollIntoView({ block: "center" });
  if (row) last = { number: opened(), place: rows().indexOf(row) };
  // Rows that come alive later are marked as well.
  new MutationObserver(() => mark(opened())).observe(place("list"), { childList: true, subtree: true });
  const panel = place("panel");
  if (panel?.dataset.load) {
    const number = opened();
    // By the time that it comes another appeal may be open.
    fragment(panel.dataset.load).then((html) => opened() === number && put(panel, html), () => {});
    delete panel.dataset.load;
  }
}
