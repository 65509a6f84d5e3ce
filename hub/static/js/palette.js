// The palette: one box that finds appeals, places and commands.
import { api, Problem } from "./api.js";
import { targets } from "./bulk.js";
import { icon } from "./icons.js";
import { commands, keysOf, spoken } from "./keys.js";
import { matches, steer } from "./listbox.js";
import { openAppeal, openList } from "./navigation.js";
import { own } from "./own.js";
import { format, words } from "./words.js";

const PAUSE = 120;
/** Milliseconds without a key after which the hub is asked. */
const SHORTEST = 2;
/** Characters for which it is worth asking. */
const MOST = 8;
const FITTING = 6;
const RECENT = own("recent");
const REMEMBERED = 5;

let parts = null;
let offered = [];
let asking = null;
let timer = 0;

function setUp() {
  const dialog = document.getElementById("palette");
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("#palette-found");
  const steering = steer(input, list, choose);
  input.addEventListener("input", () => show(input.value));
  dialog.addEventListener("keydown", (event) => {
    if (event.code === "KeyK" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  dialog.addEventListener("close", () => {
    asking?.abort();
    clearTimeout(timer);
  });
  return { dialog, input, list, steering, status: dialog.querySelector(".palette-empty") };
}

/** Open it; what applies is found out before, while the focus is still where it was. */
export function openPalette() {
  parts ??= setUp();
  // Whoever is at an appeal rather does something with it than goes elsewhere.
  offered = targets().length ? [...commandsNow(), ...places()] : [...places(), ...commandsNow()];
  parts.input.value = "";
  show("");
  parts.dialog.showModal();
  parts.input.focus();
}

function places() {
  return [...document.querySelectorAll(".nav a")].map((link) => ({
    kind: "places",
    label: link.querySelector("span").textContent,
    drawn: () => link.querySelector("svg").cloneNode(true),
    key: keysOf(`go-${new URL(link.href).searchParams.get("queue")}`)[0],
    run: () => (link.pathname === "/inbox" ? openList(link.href, { focus: true }) : location.assign(link.href)),
  }));
}

function commandsNow() {
  const fitting = commands()
    .filter((each) => each.palette !== false && each.when())
    .sort((one, other) => rank(one) - rank(other));
  return fitting.map((each) => ({
    kind: "commands",
    label: each.label,
    drawn: each.icon ?? (() => icon("chevron-right")),
    key: keysOf(each.name)[0],
    run: () => each.run({ element: null, value: null }),
  }));
}

/** What is done with an appeal comes first, and of a group what is wanted so often as to have a key. */
function rank({ name, group }) {
  const groups = ["appeal", "moving", "desk", "phone"];
  return 2 * groups.indexOf(group) + (keysOf(name).length ? 0 : 1);
}

function recent() {
  return JSON.parse(sessionStorage.getItem(RECENT) ?? "[]").map((each) => ({
    kind: "recent",
    label: each.who,
    number: each.number,
    drawn: () => icon("history"),
    run: () => openAppeal(each.number, { focus: true }),
  }));
}

/** Remember which appeals were open in this tab, the last one first. */
export function remember() {
  document.addEventListener("tereze:opened", ({ detail: { number } }) => {
    const who = document.querySelector("#appeal-title bdi")?.textContent ?? "";
    const kept = JSON.parse(sessionStorage.getItem(RECENT) ?? "[]").filter((each) => each.number !== number);
    sessionStorage.setItem(RECENT, JSON.stringify([{ number, who }, ...kept].slice(0, REMEMBERED)));
  });
}

// --- What is shown ----------------------------------------------------------------------------------

function show(typed) {
  asking?.abort();
  clearTimeout(timer);
  const text = typed.trim();
  if (!text) {
    draw([...recent(), ...offered]);
    parts.status.textContent = parts.status.dataset.hint;
    return;
  }
  // What is found comes below what is there already: nothing moves under the finger on Enter.
  const fitting = offered.filter((each) => matches(each.label, text)).slice(0, FITTING);
  draw([...fitting, ...everywhere(text)]);
  parts.status.textContent = "";
  if (text.length < SHORTEST) return;
  parts.list.setAttribute("aria-busy", "true");
  timer = setTimeout(() => search(text, fitting), PAUSE);
}

async function search(text, fitting) {
  const mine = new AbortController();
  asking = mine;
  try {
    const answer = await api("GET", `search?${new URLSearchParams({ q: text, limit: MOST })}`, undefined, {
      signal: mine.signal,
    });
    const chosen = fitting.length ? parts.steering.active()?.textContent : null;
    draw([...fitting, ...answer.items.map(found), ...everywhere(text)], chosen);
    parts.status.textContent = answer.items.length || fitting.length ? "" : parts.status.dataset.empty;
  } catch (error) {
    if (error.name === "AbortError") return;
    parts.status.textContent = error instanceof Problem ? error.message : words.failed;
  } finally {
    if (asking === mine) parts.list.removeAttribute("aria-busy");
  }
}

function found(item) {
  return {
    kind: "appeals",
    label: item.contact.name || item.contact.point || words.no_name,
    number: item.number,
    said: item.snippet,
    drawn: () => icon(words.channel_icons[item.channel] ?? "message-circle", words.channels[item.channel]),
    run: () => openAppeal(item.number, { focus: true }),
  };
}

function everywhere(text) {
  return [
    {
      kind: "everywhere",
      label: format(words.search_everywhere, { text }),
      drawn: () => icon("search"),
      run: () => location.assign(`/search?${new URLSearchParams({ q: text })}`),
    },
  ];
}

/** Show these; the one that says `chosen` is the one that Enter chooses, else the first. */
function draw(all, chosen = null) {
  const drawn = [...grouped(all)].map(([kind, those]) => {
    const group = document.createElement("li");
    group.setAttribute("role", "presentation");
    const title = document.createElement("p");
    title.className = "palette-group";
    title.id = `palette-${kind}`;
    title.textContent = words.palette[kind];
    const inside = document.createElement("ul");
    inside.setAttribute("role", "group");
    inside.setAttribute("aria-labelledby", title.id);
    inside.append(...those.map(option));
    group.append(title, inside);
    return group;
  });
  parts.list.replaceChildren(...drawn);
  parts.list.hidden = all.length === 0;
  parts.input.setAttribute("aria-expanded", String(all.length > 0));
  const options = [...parts.list.querySelectorAll('[role="option"]')];
  parts.steering.move(options.find((each) => each.textContent === chosen) ?? options[0]);
}

function grouped(all) {
  const groups = new Map();
  for (const each of all) groups.set(each.kind, [...(groups.get(each.kind) ?? []), each]);
  return groups;
}

const run = new WeakMap();

function option(each) {
  const item = document.createElement("li");
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", "false");
  const label = document.createElement("bdi");
  label.className = "palette-label";
  label.textContent = each.label;
  item.append(each.drawn(), label);
  if (each.said) {
    const said = document.createElement("span");
    said.className = "palette-said";
    said.append(...marked(each.said));
    item.append(said);
  }
  if (each.number) item.append(Object.assign(document.createElement("span"), { className: "palette-number number", textContent: each.number }));
  if (each.key) item.append(Object.assign(document.createElement("kbd"), { textContent: spoken(each.key) }));
  run.set(item, each.run);
  return item;
}

function marked(segments) {
  return segments.map(({ text, hit }) => (hit ? Object.assign(document.createElement("mark"), { textContent: text }) : text));
}

function choose(item) {
  parts.dialog.close();
  run.get(item)();
}
