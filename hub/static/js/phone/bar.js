// How the operator is at the phone, in the bar: the state, since when, who waits; the choices below it.
import { format, words } from "../words.js";
import { clock } from "./clock.js";
import { now } from "../times.js";

const place = () => document.getElementById("phone-state");
const AFTER_CALL = new Set(["busy", "wrap_up"]);

/** Show a state. */
export function show(state) {
  const bar = place();
  const said = words.phone;
  bar.dataset.state = state.state === "away" ? `away ${state.reason}` : state.state;
  bar.querySelector("[data-phone-said]").textContent = wordsOf(state);
  const since = bar.querySelector("[data-phone-since]");
  since.hidden = !state.since || state.reason === "signed_out";
  if (state.since) since.setAttribute("datetime", state.since);
  tellQueue(bar.querySelector("[data-phone-queue]"), state.waiting);
  tellCallBacks(state.call_backs);
  const chosen = state.reason || "available";
  for (const item of bar.querySelectorAll("[data-phone-choice]")) {
    item.setAttribute("aria-checked", String(item.dataset.phoneChoice === chosen));
  }
  for (const item of bar.querySelectorAll("[data-phone-device]")) {
    item.setAttribute("aria-checked", String((item.dataset.phoneDevice === "browser") === (state.device === "")));
  }
  bar.querySelector("[data-phone-other]").textContent = state.device;
  bar.querySelector("button").title = [wordsOf(state), queueOf(state.waiting)].join(" · ");

  function wordsOf({ state: name, reason }) {
    if (name === "away") return said.reasons[reason] ?? said.states.away;
    const after = AFTER_CALL.has(name) && reason in said.reasons ? format(said.after, { reason: said.reasons[reason] }) : "";
    return [said.states[name], after].filter(Boolean).join(", ");
  }
}

function tellQueue(badge, waiting) {
  badge.hidden = waiting.count === 0;
  badge.textContent = waiting.count || "";
  badge.title = queueOf(waiting);
  badge.classList.toggle("alarm", waiting.urgent > 0);
}

/** In the navigation: how many are to be called back by now. */
function tellCallBacks({ count, overdue }) {
  const place = document.querySelector("[data-call-backs]");
  place.textContent = count || "";
  place.classList.toggle("alarm", overdue > 0);
}

function queueOf({ count, since }) {
  if (!count) return words.phone.nobody_waits;
  const longest = format(words.phone.since, { time: clock(now() - Date.parse(since)) });
  return `${format(words.phone.waiting, { n: count })}, ${longest}`;
}
