// Live changes. What the page shows is followed by itself: its list (`appeal-queue`) and its open
// appeal (`appeal-thread`), from the cursors with which the hub wrote them.
//
// Events on the document, each with what it tells as `detail`:
//   tereze:rows      {rows: [{number, html}], gone: [number]}   of the list that is shown
//   tereze:thread    {number}             the open appeal has changed
//   tereze:vanished  {number}             the open appeal may be seen no more
//   tereze:counts    {mine, unassigned, …, teams: {key: n}}
//   tereze:calls     the telephone's pulse, a text: what is shown of calls is to be read anew
//   tereze:presence  {number: [{id, name, typing}]}
//   tereze:notice    {kind, number, urgency, title, text}
//   tereze:reload    what is shown is to be read anew
//   tereze:offline, tereze:online, tereze:signed-out
import { Connection } from "./live-connection.js";

const PING = 20_000;
const TYPING_AGAIN = 5_000;
const TYPING_OVER = 10_000;
/** Milliseconds: somebody who writes no more has stopped. */

const root = document.documentElement;
const operator = root.dataset.operator ?? "";

/** What is followed: `{said, cursor}` of the list and of the open appeal. */
const followed = { list: null, thread: null };

let post = () => {};

/** Follow what the page shows now. It is called by itself when another list or appeal is opened. */
export function follow() {
  const list = document.querySelector("appeal-queue");
  const thread = document.querySelector("appeal-thread");
  const language = root.lang;
  show("list", list && { view: list.dataset.view, language }, list?.dataset.cursor);
  show("thread", thread && { number: thread.dataset.number }, thread?.dataset.cursor);
}

function show(what, said, readAt = "") {
  const before = followed[what];
  const same = before && said && JSON.stringify(before.said) === JSON.stringify(said);
  if (same && before.readAt === readAt) return;
  if (before && !same) post({ hide: before.said });
  followed[what] = said && { said, readAt, cursor: readAt, ready: false };
  if (said) post({ show: { ...said, cursor: readAt } });
}

function greet() {
  post({ hello: true, operator });
  for (const part of Object.values(followed)) {
    if (part) post({ show: { ...part.said, cursor: part.cursor } });
  }
}

// --- What is told -----------------------------------------------------------------------------------

function emit(name, detail) {
  document.dispatchEvent(new CustomEvent(`tereze:${name}`, { detail }));
}

function told(word) {
  if (word.stranger) greet();
  if (word.offline !== undefined) emit(word.offline ? "offline" : "online");
  if (word.renew) emit("reload");
  if (word.signedOut) emit("signed-out");
  for (const event of word.events ?? []) tellOf(event);
  for (const part of Object.values(followed)) if (part?.ready && word.cursor) part.cursor = word.cursor;
}

function tellOf(event) {
  const { list, thread } = followed;
  if (event.view !== undefined) {
    if (event.view !== list?.said.view || event.language !== list.said.language) return;
    list.ready ||= event.ready === list.readAt || event.ready === list.cursor;
    if (event.reload) emit("reload");
    else if (event.rows.length || event.gone.length) emit("rows", event);
  } else if (event.thread) {
    const { number, stale, gone, ready } = event.thread;
    if (number !== thread?.said.number) return;
    thread.ready ||= ready === thread.readAt || ready === thread.cursor;
    if (gone) emit("vanished", { number });
    else if (stale) emit("thread", { number });
  } else if (event.notices) {
    for (const notice of event.notices) emit("notice", notice);
  } else {
    for (const name of ["counts", "calls", "presence"]) if (event[name]) emit(name, event[name]);
  }
}

// --- Writing ----------------------------------------------------------------------------------------

let writing = null;

function wrote({ detail: { number, typing } }) {
  const now = Date.now();
  if (writing && (writing.number !== number || !typing)) {
    clearTimeout(writing.timer);
    post({ typing: { number: writing.number, typing: false } });
    writing = null;
  }
  if (!typing) return;
  const said = writing?.said ?? 0;
  clearTimeout(writing?.timer);
  const timer = setTimeout(() => wrote({ detail: { number, typing: false } }), TYPING_OVER);
  writing = { number, timer, said: now - said > TYPING_AGAIN ? now : said };
  if (writing.said === now) post({ typing: { number, typing: true } });
}

// --- The connection ---------------------------------------------------------------------------------

function connect() {
  try {
    const address = new URL("live-worker.js", import.meta.url);
    const worker = new SharedWorker(address, { type: "module", name: "tereze" });
    worker.port.onmessage = ({ data }) => told(data);
    worker.onerror = (event) => {
      event.preventDefault();
      connectAlone();
      greet();
    };
    post = (said) => worker.port.postMessage(said);
  } catch {
    connectAlone();
  }
}

/** Without a shared worker each tab has a connection of its own. */
function connectAlone() {
  const connection = new Connection(`${location.origin.replace(/^http/, "ws")}/live`);
  const tab = {};
  post = (said) => connection.hear(tab, said, told);
}

/** Follow the page, if somebody has signed in. */
export function listen() {
  if (!operator) return;
  connect();
  greet();
  follow();
  for (const name of ["listed", "opened", "closed"]) document.addEventListener(`tereze:${name}`, follow);
  document.addEventListener("tereze:typing", wrote);
  setInterval(() => post({ ping: true }), PING);
  addEventListener("pagehide", () => post({ bye: true }));
  addEventListener("pageshow", ({ persisted }) => persisted && greet());
  addEventListener("online", () => post({ wake: true }));
  document.addEventListener("visibilitychange", () => document.hidden || post({ wake: true }));
}
