// The panel beside the thread: it shows what the server has of a person and an appeal, and changes it.
import { api, apiWithUndo, fragment, tell } from "./api.js";
import { change, isSupervisor, spread } from "./changing.js";
import { ask, confirm } from "./dialogs.js";
import { command } from "./keys.js";
import { pickPerson } from "./person-picker.js";
import { inputValue, momentOf, now } from "./times.js";
import { toast } from "./toasts.js";
import { format, words } from "./words.js";

const panel = document.getElementById("panel");
const body = () => panel?.querySelector(".panel-body") ?? null;
const said = () => JSON.parse(body().dataset.words);

// --- Staying as the server has it -------------------------------------------------------------------

let asking = null;

/** Fetch the panel anew; what is being written in it stays, and so does what is folded open. */
async function refresh() {
  const shown = body();
  if (!shown) return;
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  try {
    const fresh = await fragment(`/appeals/${shown.dataset.number}/panel`, { signal: mine.signal });
    if (body() === shown) replace(shown, fresh);
  } catch (error) {
    tell(error);
  } finally {
    if (asking === mine) asking = null;
  }
}

/** Whether somebody has begun to write something there that is not kept yet. */
function isWriting(part) {
  return [...part.querySelectorAll("form")].some((form) => {
    if (form.hidden) return false;
    const fields = [...form.querySelectorAll("input, textarea")];
    return form.matches(".edit-line") || fields.some((field) => field.value.trim());
  });
}

/** Put what changed in its place, a part of the panel at a time: the others stay as they are. */
function replace(shown, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.querySelector(".panel-body");
  for (const { id } of shown.querySelectorAll("details[open]")) {
    fresh.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  }
  const focused = shown.contains(document.activeElement) ? placeOf(document.activeElement) : null;
  for (const { name, value } of fresh.attributes) shown.setAttribute(name, value);
  const before = [...shown.children];
  [...fresh.children].forEach((part, at) => {
    if (!before[at].isEqualNode(part) && !isWriting(before[at])) before[at].replaceWith(part);
  });
  if (focused && !shown.contains(document.activeElement)) {
    shown.querySelector(focused)?.focus({ preventScroll: true });
  }
}

/** How the same element is found again in what the server sends next. */
function placeOf(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const named = [...element.attributes].find(({ name }) => name.startsWith("data-"));
  return named ? `[${named.name}="${CSS.escape(named.value)}"]` : null;
}

// --- Editing in place -------------------------------------------------------------------------------

function beginEdit(what) {
  const form = panel.querySelector(`form[data-edits="${what}"]`);
  if (!form) return;
  form.hidden = false;
  panel.querySelector(`[data-shows="${what}"]`).hidden = true;
  const input = form.querySelector("input");
  input.value = input.defaultValue;
  input.select();
  input.focus();
}

function leaveEdit(form) {
  const what = form.dataset.edits;
  form.hidden = true;
  const shows = panel.querySelector(`[data-shows="${what}"]`);
  shows.hidden = false;
  shows.querySelector(`[data-edit="${what}"]`).focus();
}

async function keepEdit(form) {
  const input = form.querySelector("input");
  const value = input.value.trim();
  if (value === input.defaultValue || (!value && form.dataset.edits !== "address")) return leaveEdit(form);
  if (form.dataset.of === "contact") {
    await changeContact({ [form.dataset.edits]: value }, said().renamed);
  } else {
    const { number } = body().dataset;
    leaveEdit(form);
    await change([number], { [form.dataset.edits]: value || null }, words.said[form.dataset.edits]);
    await refresh();
  }
}

// --- The person -------------------------------------------------------------------------------------

/** Change the person, say so, and let it be taken back. */
async function changeContact(fields, text) {
  const { number, contact } = body().dataset;
  try {
    const { undo } = await apiWithUndo("PATCH", `contacts/${contact}`, fields);
    for (const form of panel.querySelectorAll(".edit-line:not([hidden])")) leaveEdit(form);
    offerUndo(text, undo, number);
  } catch (error) {
    tell(error);
  }
  await renew(number);
}

function offerUndo(text, keys, number) {
  const run = async () => {
    try {
      await api("POST", "undo", { keys });
      toast(words.undone);
    } catch (error) {
      tell(error);
    }
    await renew(number);
  };
  toast(text, { action: keys.length ? { label: words.undo, run } : null });
}

/** Look again at everything that shows the person. */
async function renew(number) {
  spread([number]);
  if (body()?.dataset.number === number) await refresh();
}

async function askLanguage(button) {
  const offered = JSON.parse(document.getElementById("names")?.dataset.languages ?? "[]");
  const given = await ask({
    title: said().language,
    fields: [
      {
        name: "language", kind: "choice", label: said().language, value: button.dataset.personLanguage,
        options: [{ value: "", label: said().as_they_write }, ...offered.map(([value, label]) => ({ value, label }))],
      },
    ],
  });
  if (given) await changeContact({ language: given.language || null }, said().language_set);
}

async function block(button) {
  const blocks = button.dataset.block === "block";
  const { block: title, block_text: text, block_ok: ok, blocked, unblocked } = said();
  if (blocks && !(await confirm(title, { text, ok, danger: true }))) return;
  await changeContact({ blocked: blocks }, blocks ? blocked : unblocked);
}

async function merge() {
  const { contact, number } = body().dataset;
  const own = { id: contact, name: body().dataset.name || said().no_name };
  const other = await pickPerson({ title: said().merge, except: contact });
  if (!other) return;
  const theirs = other.name || said().no_name;
  const given = await ask({
    title: format(said().merge_which, { a: own.name, b: theirs }),
    text: said().merge_text,
    ok: said().merge_ok,
    danger: true,
    fields: [
      {
        name: "into", kind: "choice", label: said().merge_name, value: own.id,
        options: [{ value: own.id, label: own.name }, { value: other.id, label: theirs, hint: other.hint }],
      },
    ],
  });
  if (!given) return;
  const from = given.into === own.id ? other.id : own.id;
  try {
    const { undo } = await apiWithUndo("POST", `contacts/${from}/merge`, { into: given.into });
    offerUndo(said().merged, undo, number);
  } catch (error) {
    tell(error);
  }
  await renew(number);
}

async function unmerge(button) {
  const { number } = body().dataset;
  button.disabled = true;
  try {
    await api("POST", `contact-merges/${button.dataset.unmerge}/undo`);
    toast(said().unmerged);
  } catch (error) {
    tell(error);
  }
  await renew(number);
}

// --- Notes about the person -------------------------------------------------------------------------

async function addNote(form) {
  const field = form.querySelector("textarea");
  const button = form.querySelector("button");
  if (!field.value.trim() || button.disabled) return;
  button.disabled = true;
  try {
    await api("POST", `contacts/${body().dataset.contact}/notes`, { text: field.value.trim() });
    field.value = "";
    toast(said().note_kept);
    await refresh();
  } catch (error) {
    tell(error);
  } finally {
    button.disabled = false;
  }
}

async function dropNote(button) {
  if (!(await confirm(said().drop_note, { ok: said().drop_ok, danger: true }))) return;
  try {
    await api("DELETE", `contacts/${body().dataset.contact}/notes/${button.dataset.dropNote}`);
    toast(said().note_dropped);
    await refresh();
    panel.querySelector("#contact-note")?.focus({ preventScroll: true });
  } catch (error) {
    tell(error);
  }
}

// --- What is clicked --------------------------------------------------------------------------------

async function clicked(event) {
  const button = event.target.closest("button");
  if (!button || !body()) return;
  const { dataset } = button;
  if (dataset.edit) beginEdit(dataset.edit);
  else if ("leave" in dataset) leaveEdit(button.closest("form"));
  else if ("copy" in dataset) await copy(dataset.copy);
  else if ("personLanguage" in dataset) await askLanguage(button);
  else if ("block" in dataset) await block(button);
  else if ("mergeContact" in dataset) await merge();
  else if (dataset.unmerge) await unmerge(button);
  else if ("unlink" in dataset) await unlink();
  else if (dataset.dropNote) await dropNote(button);
}

async function copy(text) {
  await navigator.clipboard.writeText(text);
  toast(said().copied);
}

function submitted(event) {
  event.preventDefault();
  const form = event.target;
  if (form.matches(".edit-line")) keepEdit(form).catch(tell);
  else if (form.matches("[data-add-note]")) addNote(form);
}

function pressed(event) {
  if (event.key === "Escape" && event.target.closest(".edit-line")) {
    event.stopPropagation();
    leaveEdit(event.target.closest("form"));
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
}

/** The appeal repeats no other one. */
async function unlink() {
  await change([body().dataset.number], { duplicate_of: null }, words.said.unlinked);
  await refresh();
}

async function askKind() {
  const { number, kind, kinds } = body().dataset;
  const given = await ask({
    title: said().kind,
    fields: [
      {
        name: "kind", kind: "choice", label: said().kind, value: kind,
        options: JSON.parse(kinds).map(([value, label]) => ({ value, label })),
      },
    ],
  });
  if (!given) return;
  await change([number], given, words.said.kind);
  await refresh();
}

/** Another deadline than category and calendar give it, or theirs again: a supervisor's right. */
async function askDeadline() {
  const { number, due } = body().dataset;
  const texts = said();
  const given = await ask({
    title: texts.deadline,
    fields: [
      {
        name: "by", kind: "choice", label: texts.deadline, value: "hand",
        options: [{ value: "hand", label: texts.deadline_by_hand }, { value: "rules", label: texts.deadline_by_rules }],
      },
      {
        name: "moment", kind: "moment", label: texts.deadline_at, required: true,
        value: inputValue(due ? Date.parse(due) : now()), when: { by: "hand" },
      },
      { name: "reason", kind: "text", label: texts.reason, hint: texts.reason_hint },
    ],
  });
  if (!given) return;
  const due_at = given.moment ? new Date(momentOf(given.moment)).toISOString() : null;
  await change([number], { due_at, reason: given.reason }, words.said.deadline);
  await refresh();
}

if (panel) {
  panel.addEventListener("click", (event) => clicked(event).catch(tell));
  panel.addEventListener("submit", submitted);
  panel.addEventListener("keydown", pressed);
  command("kind", { group: "appeal", when: () => body() !== null, run: () => askKind().catch(tell) });
  command("deadline", {
    group: "appeal", when: () => body() !== null && isSupervisor(), run: () => askDeadline().catch(tell),
  });
  command("address", {
    group: "appeal",
    when: () => body() !== null,
    run: () => {
      panel.setAttribute("data-open", "");
      beginEdit("address");
    },
  });
  document.addEventListener("tereze:thread", ({ detail }) => {
    if (detail.number === body()?.dataset.number) refresh();
  });
  document.addEventListener("tereze:reload", () => refresh());
}
