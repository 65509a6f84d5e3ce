// The call card: who is on the line, what it is about, and what is written down of it.
import { Problem, api, fragment, tell } from "../api.js";
import { confirm } from "../dialogs.js";
import { openAppeal } from "../navigation.js";
import { inputValue, now } from "../times.js";
import { toast } from "../toasts.js";
import { format, words } from "../words.js";
import { act, state } from "./state.js";

const KEEP_AFTER = 600;
/** Milliseconds without a key after which a note is kept. */

const card = () => document.getElementById("call-card");
const text = () => document.getElementById("call-note");
const place = () => card().querySelector("[data-card]");

let about = null;
/** The call that the card is of. */
let looked = "";
let asking = null;
let timer = 0;
let kept = "";
let shut = false;

/** Show the card of a state's call, or nothing. */
export function show({ call }) {
  if (call?.id !== about) begin(call);
  if (call === null) return;
  card().hidden = shut;
  card().querySelector("[data-wrap-up]").hidden = call.state !== "wrap_up";
  // Whoever answers is told of all there is at that moment; what an operator changes comes as well.
  const look = [call.id, call.state, call.appeal, call.number].join(" ");
  if (look !== looked) {
    looked = look;
    load(call.id);
  }
}

/** Open the card, or close it until the next call. */
export function toggle() {
  if (!about) return;
  shut = !shut;
  card().hidden = shut;
  if (!shut) text().focus();
}

/** Go on writing there. */
export function write() {
  shut = false;
  card().hidden = false;
  text().focus();
}

function begin(call) {
  asking?.abort();
  clearTimeout(timer);
  about = call?.id ?? null;
  looked = "";
  shut = false;
  kept = text().value = "";
  complain("");
  card().querySelector("form[data-note]").reset();
  place().replaceChildren();
  card().hidden = call === null;
}

async function load(id) {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  const isFirst = !place().firstElementChild;
  try {
    const html = await fragment(`/phone/calls/${id}`, { signal: mine.signal });
    if (mine.signal.aborted || id !== about) return;
    const chosen = place().querySelector("[name=matter]:checked")?.value;
    const focused = place().contains(document.activeElement) ? document.activeElement.value : null;
    const template = document.createElement("template");
    template.innerHTML = html;
    const jotted = template.content.querySelector("[data-jotted]").innerHTML;
    place().replaceChildren(template.content.querySelector(".card-parts"));
    if (isFirst && !text().value) {
      const area = document.createElement("textarea");
      area.innerHTML = jotted;
      kept = text().value = area.value;
    }
    if (!isFirst) choose(chosen, focused);
    offer();
  } catch (error) {
    if (id === about) tell(error);
  }
}

/** What was chosen stays so, where it is still there and nothing else has become true. */
function choose(value, focused) {
  const own = place().querySelector("[data-own]");
  const same = place().querySelector(`[name=matter][value="${CSS.escape(value ?? "")}"]`);
  if (same && !own) same.checked = true;
  if (focused !== null) place().querySelector("[name=matter]:checked")?.focus();
}

// --- The note ---------------------------------------------------------------------------------------

function typed() {
  complain("");
  clearTimeout(timer);
  timer = setTimeout(() => keep(), KEEP_AFTER);
}

async function keep() {
  clearTimeout(timer);
  const id = about;
  const said = text().value;
  if (!id || said === kept) return;
  try {
    await api("PUT", `phone/calls/${id}/note`, { text: said });
    if (id !== about) return;
    kept = said;
    note(`${words.phone.saved} ${inputValue(now()).slice(-5)}`);
  } catch (error) {
    tell(error);
  }
}

function note(said) {
  card().querySelector("[data-note-said]").textContent = said;
}

function complain(said) {
  const place_ = card().querySelector("[data-note-said]");
  place_.textContent = said;
  place_.classList.toggle("wrong", Boolean(said));
  text().toggleAttribute("aria-invalid", false);
  if (said) text().setAttribute("aria-invalid", "true");
}

async function done(event) {
  event.preventDefault();
  const form = event.target;
  if (state()?.call?.state !== "wrap_up") {
    await keep();
    return;
  }
  clearTimeout(timer);
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  try {
    await act("POST", "phone/wrap-up", { outcome: form.elements.outcome.value, note: text().value });
  } catch (error) {
    if (error instanceof Problem && error.code === "about_what") {
      complain(words.phone.about_what);
      text().focus();
    } else tell(error);
  } finally {
    button.disabled = false;
  }
}

// --- What it is about -------------------------------------------------------------------------------

/** The first line of what is typed: what a new appeal is about, unless something else is said. */
function firstLine() {
  return text().value.trim().split("\n")[0].slice(0, 300);
}

/** Whether what is chosen is an appeal of which somebody has yet to say what it is about. */
function becomesNew(chosen) {
  return chosen.value === "" || "bare" in chosen.dataset;
}

function offer() {
  const form = place().querySelector("form[data-matter]");
  const chosen = form?.querySelector("[name=matter]:checked");
  if (!form || !chosen) return;
  const isNew = becomesNew(chosen);
  form.querySelector("[data-matter-new]").hidden = !isNew;
  const put = form.querySelector("[data-put]");
  put.hidden = "own" in chosen.dataset && !isNew;
  const said = form.querySelector("[data-put-said]");
  said.textContent = isNew ? said.dataset.new : said.dataset.join;
  const subject = form.elements.subject;
  if (isNew && !subject.dataset.typed) subject.value = firstLine();
}

/** Register a new appeal, or put the call to the one that is chosen. */
export async function settle() {
  const form = place().querySelector("form[data-matter]");
  const chosen = form?.querySelector("[name=matter]:checked");
  if (!chosen) return;
  const isNew = becomesNew(chosen);
  if ("own" in chosen.dataset && !isNew) {
    toast(format(words.phone.joined_to, { number: chosen.value }));
    return;
  }
  const subject = form.elements.subject.value.trim() || firstLine();
  if (isNew && !subject) {
    complain(words.phone.subject);
    text().focus();
    return;
  }
  await keep();
  const category = form.elements.category.value || null;
  const body = isNew ? { subject, category } : { appeal: chosen.value };
  try {
    const call = await matter(about, body);
    toast(isNew ? `${words.phone.registered}: ${call.appeal}` : format(words.phone.joined_to, { number: call.appeal }), {
      action: { label: words.live.open, run: () => openAppeal(call.appeal, { focus: true }) },
    });
    if (call.id === about) load(about);
  } catch (error) {
    tell(error);
  }
}

/** Throws: Problem. */
async function matter(id, body) {
  const address = `phone/calls/${id}/matter`;
  try {
    return await api("POST", address, body);
  } catch (error) {
    if (error.code !== "different_contacts") throw error;
    const asked = { text: format(words.phone.another_person_text, { number: body.appeal }), ok: words.phone.put };
    if (!(await confirm(words.phone.another_person, asked))) throw new DOMException("", "AbortError");
    return api("POST", address, { ...body, across_contacts: true });
  }
}

/** Listen. */
export function listen() {
  text().addEventListener("input", () => {
    typed();
    offer();
  });
  text().addEventListener("blur", keep);
  addEventListener("pagehide", keep);
  card().querySelector("form[data-note]").addEventListener("submit", done);
  place().addEventListener("submit", (event) => {
    event.preventDefault();
    settle();
  });
  place().addEventListener("change", offer);
  place().addEventListener("input", ({ target }) => {
    if (target.name === "subject") target.dataset.typed = "";
  });
  place().addEventListener("click", (event) => {
    const link = event.target.closest("[data-open-appeal-link]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !document.querySelector("main.inbox")) return;
    event.preventDefault();
    openAppeal(link.dataset.openAppealLink, { focus: true });
  });
}
