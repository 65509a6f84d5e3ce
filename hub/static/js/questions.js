// What is asked before an appeal, or several, are changed. Each gives the change as the API takes it,
// or null. `known` is what is known of the one appeal; of several nothing is.
import { isSupervisor } from "./changing.js";
import { ask } from "./dialogs.js";
import { inputValue, moment, momentOf, now, onTheWall, whenTheWallShows } from "./times.js";
import { words } from "./words.js";

const asked = words.ask ?? {};
const HOUR = 3_600_000;

/** The names that the page brings: categories, districts, operators, teams, outcomes and so on. */
export function names(kind) {
  const kept = document.getElementById("names");
  return JSON.parse(kept?.dataset[kind] ?? "[]");
}

function options(kind) {
  return names(kind).map(([value, label, also]) => ({ value, label, also }));
}

/** Whom to give it to: a colleague or a team. */
export async function askAssignee(known) {
  const me = document.documentElement.dataset.operator;
  const people = options("operators").filter(({ value }) => value !== me);
  const given = await ask({
    title: asked.assign,
    ok: asked.assign_ok,
    fields: [
      {
        name: "to", kind: "search", label: asked.to,
        value: known?.assignee ? `operator:${known.assignee}` : undefined,
        options: [
          { value: "me", label: asked.me },
          { value: "nobody", label: asked.nobody },
          ...people.map((each) => ({ ...each, value: `operator:${each.value}`, hint: asked.colleague })),
          ...options("teams").map((each) => ({ ...each, value: `team:${each.value}`, hint: asked.team })),
        ],
      },
      { name: "note", kind: "area", label: asked.note, hint: asked.note_hint },
    ],
  });
  if (!given) return null;
  const [kind, id] = given.to.split(/:(.*)/s);
  const body = {
    me: { assignee: "me" }, nobody: { assignee: null },
    operator: { assignee: id }, team: { team: id },
  }[kind];
  // Who hands it over in so many words means it, if they may.
  if ("assignee" in body && isSupervisor()) body.reassign = true;
  return given.note ? { ...body, note: given.note } : body;
}

/** How it ended. */
export async function askOutcome(known) {
  const given = await ask({
    title: asked.resolve,
    ok: asked.resolve_ok,
    fields: [
      {
        name: "outcome", kind: "choice", label: asked.outcome,
        value: known?.outcome || undefined, options: options("outcomes"),
      },
      {
        name: "duplicate", kind: "text", label: asked.duplicate_of, required: true,
        placeholder: "ALM-2026-0000123", when: { outcome: "duplicate" },
      },
    ],
  });
  if (!given) return null;
  const body = { status: "resolved", outcome: given.outcome };
  return given.duplicate ? { ...body, duplicate_of: numberIn(given.duplicate) } : body;
}

/** The status it is to have; how it ended, if it ends. */
export async function askStatus(known) {
  const given = await ask({
    title: asked.status,
    fields: [
      { name: "status", kind: "choice", label: asked.status, value: known?.status, options: options("statuses") },
    ],
  });
  if (!given) return null;
  return given.status === "resolved" && known?.status !== "resolved" ? askOutcome(known) : given;
}

/** Until when it is out of the queues. */
export async function askSnooze() {
  const given = await ask({
    title: asked.snooze,
    ok: asked.snooze_ok,
    fields: [
      { name: "until", kind: "choice", label: asked.until, value: "hour", options: snoozes(now()) },
      {
        name: "moment", kind: "moment", label: asked.moment, required: true,
        value: inputValue(now() + 24 * HOUR), min: inputValue(now()), when: { until: "moment" },
      },
    ],
  });
  if (!given) return null;
  const until = given.moment ? momentOf(given.moment) : snoozes(now()).find((each) => each.value === given.until).at;
  return { snoozed_until: new Date(until).toISOString() };
}

/** The times that are offered, and when each is. */
export function snoozes(at) {
  const today = onTheWall(at);
  const day = (ahead, hour) => whenTheWallShows({ ...today, day: today.day + ahead, hour, minute: 0 });
  const monday = (8 - today.weekday) % 7 || 7;
  const offered = [{ value: "hour", label: asked.in_an_hour, at: at + HOUR }];
  if (day(0, 18) > at) offered.push({ value: "evening", label: asked.this_evening, at: day(0, 18) });
  offered.push({ value: "tomorrow", label: asked.tomorrow, at: day(1, 9) });
  if (monday > 1) offered.push({ value: "monday", label: asked.monday, at: day(monday, 9) });
  const hinted = offered.map((each) => ({ ...each, hint: moment(each.at) }));
  return [...hinted, { value: "moment", label: asked.another_time }];
}

/** What it is about. */
export function askCategory(known) {
  const all = names("categories").map(([value, label, also]) => ({
    value, label, also: `${also} ${value}`, indent: value.includes("."),
  }));
  return one("category", asked.category, all, known?.category, true);
}

/** In which district it is. */
export function askDistrict(known) {
  return one("district", asked.district, options("districts"), known?.district, true);
}

/** What language the citizen writes. */
export function askLanguage(known) {
  return one("language", asked.language, options("languages"), known?.language);
}

/** How urgent it is. */
export async function askPriority(known) {
  return ask({
    title: asked.priority,
    fields: [
      { name: "priority", kind: "choice", label: asked.priority, value: known?.priority, options: options("priorities") },
    ],
  });
}

/** Words that are put on it; of one appeal they can be taken off as well. */
export async function askTags(known) {
  const before = known?.tags ?? [];
  const given = await ask({
    title: asked.tags,
    fields: [{ name: "tags", kind: "tags", label: asked.tags, value: before, hint: asked.tags_hint }],
  });
  if (!given) return null;
  const body = {};
  const added = given.tags.filter((tag) => !before.includes(tag));
  const removed = before.filter((tag) => !given.tags.includes(tag));
  if (added.length) body.add_tags = added;
  if (removed.length) body.remove_tags = removed;
  return Object.keys(body).length ? body : null;
}

/** Another appeal, by its number. */
export async function askNumber(title, { text = "", ok = words.ok } = {}) {
  const given = await ask({
    title, text, ok,
    fields: [{ name: "number", kind: "text", label: asked.number, required: true, placeholder: "ALM-2026-0000123" }],
  });
  return given && numberIn(given.number);
}

/** Which of the messages on the screen become an appeal of their own, and what that is about. */
export async function askMessages() {
  const messages = [...document.querySelectorAll("#thread .message")].map((message) => ({
    value: message.dataset.id,
    label: message.querySelector(".text")?.textContent ?? message.querySelector(".bubble").getAttribute("aria-label"),
    hint: message.querySelector(".meta time")?.textContent,
  }));
  const given = await ask({
    title: asked.split,
    ok: asked.split_ok,
    fields: [
      { name: "messages", kind: "many", label: asked.messages, options: messages, required: true },
      { name: "subject", kind: "text", label: asked.split_subject },
    ],
  });
  return given;
}

/** The number of an appeal, as it is written in full or pasted with its address. */
function numberIn(text) {
  return /[A-Z]{2,5}-\d{4}-\d{7,12}/.exec(text.toUpperCase())?.[0] ?? text;
}

async function one(name, label, all, value, orNone = false) {
  const none = orNone ? [{ value: "", label: asked.none }] : [];
  const fields = [{ name, kind: "search", label, value: value || undefined, options: [...none, ...all] }];
  const given = await ask({ title: label, fields });
  return given && { [name]: given[name] || null };
}
