// What can be done on the desk, by a key, a button or the palette.
import { api, apiWithUndo, tell } from "./api.js";
import { pickAll, pickedNumbers, pickTo, targets, toggle } from "./bulk.js";
import { change, spread, tellDone } from "./changing.js";
import { confirm } from "./dialogs.js";
import { deleteView, saveView, shownView } from "./filters.js";
import { icon } from "./icons.js";
import { command, isTyping, perform } from "./keys.js";
import { closeAppeal, focusedRow, focusRow, openAppeal, opened, openList, reading, rowBeside, rowOf, rows } from "./navigation.js";
import { toggleCalls } from "./notify.js";
import { openPalette } from "./palette.js";
import { setLanguage, setTheme } from "./preferences.js";
import * as questions from "./questions.js";
import { toast } from "./toasts.js";
import { format, words } from "./words.js";

const said = words.said ?? {};
const has = (selector) => document.querySelector(selector) !== null;
const inbox = () => has("main.inbox");
const about = () => targets().length > 0;
const alone = () => targets().length === 1;

/** What the page tells of the appeal that is open; of another nothing is known. */
function known(numbers) {
  const head = document.querySelector(".thread-head");
  if (!head || numbers.length !== 1 || numbers[0] !== opened()) return null;
  return { ...head.dataset, tags: JSON.parse(head.dataset.tags ?? "[]") };
}

/** A command that asks what is to become of the targets, and does it. */
function changing(name, asks, text, rest) {
  command(name, {
    group: "appeal",
    when: about,
    ...rest,
    run: async () => {
      const numbers = targets();
      const body = await asks(known(numbers));
      if (body) await change(numbers, body, text);
    },
  });
}

// --- Moving about -----------------------------------------------------------------------------------

/** On to another row; whoever reads an appeal is shown the next one. */
function step(by) {
  const row = rowBeside(by);
  if (!row) return;
  if (reading()) openAppeal(row.dataset.number, { focus: true });
  else focusRow(row);
}

/** From what is written to what is read, from the appeal to its row, from the row to the list. */
function back() {
  const active = document.activeElement;
  if (isTyping(active)) {
    if (reading()) document.getElementById("appeal-title")?.focus();
    else active.blur();
    return;
  }
  const number = opened();
  const row = rowOf(number) ?? rows()[0];
  const covered = number && !document.getElementById("list")?.checkVisibility();
  if (!focusedRow() && row && !covered) return focusRow(row);
  if (pickAll(false)) return;
  closeAppeal();
  focusRow(row);
}

async function takeNext() {
  try {
    const { answer, undo } = await apiWithUndo("POST", "appeals/next");
    if (!answer) {
      toast(said.nothing_waits);
      return;
    }
    await openAppeal(answer.number, { focus: true });
    tellDone(said.claim, [answer.number], undo);
  } catch (error) {
    tell(error);
  }
}

/** Do something with the dialog of the keys, which is fetched when it is first wanted. */
async function keysDialog(what) {
  try {
    (await import("./help.js"))[what]();
  } catch (error) {
    tell(error);
  }
}

function moving() {
  command("palette", { group: "moving", key: "Ctrl+KeyK", typing: true, palette: false, when: () => has("#palette"), run: openPalette });
  command("search", { group: "moving", key: "Slash", palette: false, when: () => has("#palette"), run: openPalette });
  command("help", { group: "moving", key: "Shift+Slash", icon: () => icon("keyboard"), when: () => has("#keys"), run: () => keysDialog("showKeys") });
  command("next-row", { group: "moving", key: ["KeyJ", "Alt+KeyJ"], repeats: true, palette: false, when: inbox, run: () => step(1) });
  command("previous-row", { group: "moving", key: ["KeyK", "Alt+KeyK"], repeats: true, palette: false, when: inbox, run: () => step(-1) });
  command("open", {
    group: "moving", key: "KeyO", palette: false, when: () => focusedRow() !== null,
    run: () => openAppeal(focusedRow().dataset.number, { focus: true }),
  });
  command("back", { group: "moving", key: "KeyU", fixed: "Escape", typing: true, palette: false, when: inbox, run: back });
  command("pick", {
    group: "moving", key: "KeyX", palette: false, when: () => focusedRow() !== null, run: () => toggle(focusedRow()),
  });
  command("pick-range", {
    group: "moving", key: "Shift+KeyX", palette: false, when: () => focusedRow() !== null, run: () => pickTo(focusedRow()),
  });
  command("select-all", {
    group: "moving", key: "Shift+KeyA", icon: () => icon("list-check"), when: () => rows().length > 0,
    run: ({ element }) => pickAll(element ? element.checked : pickedNumbers().length < rows().length),
  });
  const places = { mine: "KeyM", unassigned: "KeyU", all: "KeyA", overdue: "KeyO", failed: "KeyF", mentions: "Shift+Digit2", snoozed: "KeyZ" };
  for (const link of document.querySelectorAll('.nav a[href^="/inbox?queue="]')) {
    const name = new URL(link.href).searchParams.get("queue");
    if (!(name in places)) continue;
    command(`go-${name}`, {
      group: "moving", key: `KeyG ${places[name]}`, palette: false,
      label: format(words.go_to, { place: link.textContent.trim() }),
      run: () => openList(link.href, { focus: true }),
    });
  }
}

// --- The appeal -------------------------------------------------------------------------------------

function working() {
  command("next", { group: "appeal", key: "KeyN", icon: () => icon("player-track-next"), when: () => has(".nav"), run: takeNext });
  command("reply", { group: "appeal", key: ["KeyR", "Alt+KeyL"], icon: () => icon("message-reply"), when: () => has("reply-composer"), run: () => compose("reply") });
  command("note", { group: "appeal", key: ["KeyM", "Alt+KeyP"], icon: () => icon("note"), when: () => has("reply-composer"), run: () => compose("note") });
  changing("claim", () => ({ assignee: "me" }), said.claim, { key: "KeyC", icon: () => icon("hand-grab") });
  changing("release", () => ({ assignee: null }), said.release, { key: "Shift+KeyC", icon: () => icon("hand-stop") });
  changing("assign", questions.askAssignee, said.assign, { key: "KeyA", icon: () => icon("user-share") });
  changing("resolve", questions.askOutcome, said.resolve, { key: ["KeyE", "Alt+KeyE"], icon: () => icon("circle-check") });
  command("resolve-next", {
    group: "appeal", key: "Shift+KeyE", icon: () => icon("checks"), when: about,
    run: async () => {
      const numbers = targets();
      const body = await questions.askOutcome(known(numbers));
      if (body && (await change(numbers, body, said.resolve))) await takeNext();
    },
  });
  changing("reopen", () => ({ status: "open" }), said.reopen, { icon: () => icon("rotate") });
  changing("snooze", questions.askSnooze, said.snooze, { key: ["KeyZ", "Alt+KeyM"], icon: () => icon("zzz") });
  changing("wake", () => ({ snoozed_until: null }), said.wake, { icon: () => icon("alarm") });
  changing("status", questions.askStatus, said.status, { key: "KeyS", icon: () => icon("progress") });
  changing("priority", questions.askPriority, said.priority, { key: "KeyP", icon: () => icon("flag") });
  changing("category", questions.askCategory, said.category, { key: "KeyY", icon: () => icon("category") });
  changing("district", questions.askDistrict, said.district, { key: "KeyD", icon: () => icon("map-pin") });
  changing("tags", questions.askTags, said.tags, { key: "KeyT", icon: () => icon("tag") });
  changing("appeal-language", questions.askLanguage, said.language, { key: "KeyL", icon: () => icon("language") });
  changing(
    "duplicate",
    async () => {
      const number = await questions.askNumber(words.ask.duplicate, { text: words.ask.duplicate_text });
      return number && { duplicate_of: number };
    },
    said.duplicate,
    { icon: () => icon("copy"), when: alone },
  );
  command("merge", { group: "appeal", icon: () => icon("arrows-join"), when: () => opened() !== null, run: merge });
  command("split", { group: "appeal", icon: () => icon("arrows-split"), when: () => opened() !== null, run: split });
  command("copy-link", {
    group: "appeal", icon: () => icon("link"), when: () => opened() !== null,
    run: async () => {
      await navigator.clipboard.writeText(`${location.origin}/inbox/${opened()}?queue=all&sort=due`);
      toast(said.copied);
    },
  });
}

/** Let the composer take what is typed from now on. */
function compose(mode) {
  document.querySelector("reply-composer").focusOn(mode);
}

async function merge() {
  const number = opened();
  const asked = { text: format(words.ask.merge_text, { number }), ok: words.ask.merge_ok };
  const into = await questions.askNumber(words.ask.merge, asked);
  if (!into) return;
  try {
    const { undo } = await mergeInto(number, into);
    tellDone(said.merge, [into], undo);
    spread([number]);
    await openAppeal(into, { focus: true });
  } catch (error) {
    tell(error);
  }
}

/** Merge; of different people only when asked again. Throws: Problem. */
async function mergeInto(number, into) {
  const address = `appeals/${number}/merge`;
  try {
    return await apiWithUndo("POST", address, { into });
  } catch (error) {
    if (error.code !== "different_contacts") throw error;
    const text = format(words.ask.different_text, { number, into });
    if (!(await confirm(words.ask.different, { text, ok: words.ask.merge_ok }))) throw new DOMException("", "AbortError");
    return apiWithUndo("POST", address, { into, across_contacts: true });
  }
}

async function split() {
  const number = opened();
  const body = await questions.askMessages();
  if (!body) return;
  try {
    const { answer, undo } = await apiWithUndo("POST", `appeals/${number}/split`, body);
    tellDone(said.split, [answer.number], undo);
    await openAppeal(answer.number, { focus: true });
  } catch (error) {
    tell(error);
  }
}

async function changeCalls() {
  try {
    toast((await toggleCalls()) ? words.calls.every : words.calls.urgent);
  } catch (error) {
    tell(error);
  }
}

// --- The desk ---------------------------------------------------------------------------------------

function choosing() {
  command("save-view", { group: "desk", icon: () => icon("bookmark"), when: inbox, run: saveView });
  command("delete-view", { group: "desk", icon: () => icon("bookmark-off"), when: () => shownView() !== null, run: deleteView });
  command("calls", { group: "desk", bindable: false, icon: () => icon("bell"), run: changeCalls });
  command("theme", { group: "desk", palette: false, bindable: false, run: ({ value }) => setTheme(value) });
  command("language", { group: "desk", palette: false, bindable: false, run: ({ value }) => setLanguage(value) });
  for (const item of document.querySelectorAll('#menu-me [data-command="theme"], #menu-me [data-command="language"]')) {
    const { command: name, value } = item.dataset;
    command(`${name}-${value}`, {
      group: "desk", bindable: false,
      label: `${words.commands[name]}: ${item.textContent.trim()}`,
      icon: () => item.querySelector("svg").cloneNode(true),
      run: () => perform(name, { value }),
    });
  }
  command("register", {
    group: "desk", key: "Shift+KeyN", icon: () => icon("file-plus"), when: () => has('.bar a[href="/desk/new"]'),
    run: () => location.assign("/desk/new"),
  });
  command("reset-keys", { group: "desk", palette: false, bindable: false, run: () => keysDialog("resetKeys") });
  command("sign-out", { group: "desk", bindable: false, icon: () => icon("logout"), when: () => has(".nav"), run: signOut });
}

async function signOut() {
  try {
    await api("DELETE", "session");
    location.assign("/signin");
  } catch (error) {
    tell(error);
  }
}

/** Know all of it. */
export function learn() {
  moving();
  working();
  choosing();
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-bulk]");
    if (button) perform(button.dataset.bulk);
  });
}
