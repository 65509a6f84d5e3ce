// The filters of a list: what is chosen is in the address, so that it can be kept and sent.
import { api, tell } from "./api.js";
import { isSupervisor } from "./changing.js";
import { ask, confirm } from "./dialogs.js";
import { openList, renewPlaces } from "./navigation.js";
import { names } from "./questions.js";
import { inputValue, momentOf } from "./times.js";
import { toast } from "./toasts.js";
import { format, words } from "./words.js";

const LATER = 400;
/** Milliseconds after which a day that is being typed is taken for meant. */

/** The address of the list that the form asks for. */
export function address(form) {
  const asked = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value !== "") asked.set(name, value);
  }
  for (const input of form.querySelectorAll("[data-moment]")) {
    if (input.value) asked.set(input.dataset.moment, new Date(momentOf(input.value)).toISOString());
  }
  return `/inbox?${asked}`;
}

/** What a view does not keep of an address: which page of the list it is. */
const PAGE = ["cursor", "limit"];

/** Ask for a name, and keep the list that is shown under it. */
export async function saveView() {
  const fields = [{ name: "name", kind: "text", label: words.ask.view_name, required: true }];
  if (isSupervisor()) fields.push({ name: "shared", kind: "check", label: words.ask.view_shared });
  const given = await ask({ title: words.ask.view, ok: words.ask.view_ok, fields });
  if (!given) return;
  const query = {};
  for (const [name, value] of new URLSearchParams(location.search)) {
    // A filter that stands there several times asks for all of its values.
    if (value && !PAGE.includes(name)) query[name] = name in query ? `${query[name]},${value}` : value;
  }
  try {
    await api("POST", "saved-views", { name: given.name, query, shared: given.shared ?? false });
    toast(format(words.ask.view_kept, { name: given.name }));
    await renewPlaces();
  } catch (error) {
    tell(error);
  }
}

/** The saved view that is shown, as its link in the navigation; null where it is none. */
export function shownView() {
  return document.querySelector('.nav a[data-view][aria-current="page"]');
}

/** Forget the view that is shown. */
export async function deleteView() {
  const { view, shared } = shownView().dataset;
  const name = shownView().textContent.trim();
  const title = format(words.ask.delete_view, { name });
  const text = shared ? words.ask.delete_shared : "";
  if (!(await confirm(title, { text, ok: words.ask.delete, danger: true }))) return;
  try {
    await api("DELETE", `saved-views/${view}`);
    toast(format(words.ask.view_deleted, { name }));
    await renewPlaces();
  } catch (error) {
    tell(error);
  }
}

/** The days of a form are those of the office, wherever the browser stands. */
function showDays() {
  const asked = new URLSearchParams(location.search);
  for (const input of document.querySelectorAll("#filters [data-moment]")) {
    const at = asked.get(input.dataset.moment);
    if (at) input.value = inputValue(Date.parse(at)).slice(0, 10);
  }
}

/** Put the colleagues that the page names among those whose appeals can be asked for. */
function offerColleagues() {
  const select = document.getElementById("filter-assignee");
  const there = new Set([...select.options].map(({ value }) => value));
  const others = names("operators").filter(([id]) => !there.has(id));
  select.append(...others.map(([id, name]) => new Option(name, id)));
}

function complete() {
  showDays();
  offerColleagues();
}

let timer = 0;

function show(form, wait = 0) {
  clearTimeout(timer);
  timer = setTimeout(() => form.isConnected && openList(address(form), { keep: true }), wait);
}

/** Listen. */
export function listen() {
  const list = document.getElementById("list");
  if (!list) return;
  complete();
  document.addEventListener("tereze:listed", complete);
  list.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.id !== "filters" || !event.target.matches("[data-filter], [data-moment]")) return;
    show(form, event.target.matches("[data-moment]") ? LATER : 0);
  });
  list.addEventListener("submit", (event) => {
    if (event.target.id !== "filters") return;
    event.preventDefault();
    show(event.target);
  });
}
