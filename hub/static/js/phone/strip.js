// The call that the operator has, below the bar: who it is, how it stands, and what can be done.
import { redraw } from "../icons.js";
import { format, words } from "../words.js";
import { clock } from "./clock.js";
import { media, tellDevice } from "./softphone.js";

const strip = () => document.getElementById("call-strip");
let announced = "";
let pressed = "";

/** Where a call stands, in one word: its stage, as `words.phone.stages` names them. */
export function stageOf(call) {
  if (call.state === "wrap_up") return "wrap_up";
  if (call.state === "ringing") return call.kind;
  if (!call.talking) return call.direction === "out" ? "calling" : "coming";
  return call.held ? "held" : "talking";
}

/** What can be done with a call now. */
export function offered(state) {
  const { call, device } = state;
  const is = (stage) => call !== null && stageOf(call) === stage;
  const rings = call?.state === "ringing";
  const talks = is("talking") || is("held");
  const leads = talks && call.kind !== "consult";
  return {
    "phone-accept": rings && device === "",
    "phone-decline": rings,
    "phone-mute": call?.state === "joined" && device === "",
    "phone-hold": leads,
    "phone-transfer": leads && !call.colleague,
    "phone-complete": talks && Boolean(call.colleague?.joined),
    "phone-cancel": talks && Boolean(call.colleague),
    "phone-hang-up": call?.state === "joined",
    "phone-card": call !== null,
    pad: call?.state === "joined" && device === "",
  };
}

/** Show the call of a state, or nothing. */
export function show(state) {
  const { call } = state;
  const box = strip();
  box.hidden = call === null;
  if (call === null) {
    announced = "";
    return;
  }
  const stage = stageOf(call);
  const said = words.phone;
  box.dataset.stage = stage;
  put("name", call.name || (call.number ? "" : said.withheld));
  put("number", call.number);
  put("stage", said.stages[stage]);
  box.querySelector('[data-call="clock"]').setAttribute("datetime", call.since);
  chip("urgent", call.urgent && "");
  chip("language", call.language && (said.languages[call.language] ?? call.language));
  chip("team", call.team_name);
  const waits = stage === "offer" && call.waiting_since;
  chip("waited", waits && format(said.waited, { time: clock(Date.parse(call.since) - Date.parse(call.waiting_since)) }));
  chip("colleague", call.colleague && format(call.colleague.joined ? said.joined : said.asked, call.colleague));
  const elsewhere = box.querySelector('[data-call="elsewhere"]');
  elsewhere.hidden = !(call.state === "ringing" && state.device);
  elsewhere.textContent = format(said.elsewhere, { device: state.device });
  const can = offered(state);
  for (const button of box.querySelectorAll("[data-command]")) button.hidden = !can[button.dataset.command];
  box.querySelector('[data-call="pad"]').hidden = !can.pad;
  if (!can.pad) closePad();
  toggle("phone-hold", call.held, call.held ? said.resume : said.hold, call.held ? "player-play" : "player-pause");
  showMedia();
  announce(call, stage);
}

/** Show whether the microphone is off. */
export function showMedia() {
  const said = words.phone;
  toggle("phone-mute", media.muted, media.muted ? said.unmute : said.mute, media.muted ? "microphone-off" : "microphone");
}

// data-icon="player-play" data-icon="player-pause" data-icon="microphone" data-icon="microphone-off"

function toggle(name, on, text, glyph) {
  const button = strip().querySelector(`[data-command="${name}"]`);
  button.setAttribute("aria-pressed", String(on));
  button.querySelector("span").textContent = text;
  redraw(button.querySelector("svg"), glyph);
}

function put(name, text) {
  strip().querySelector(`[data-call="${name}"]`).textContent = text;
}

function chip(name, text) {
  const box = strip().querySelector(`[data-call="${name}"]`);
  box.hidden = text !== "" && !text;
  const place = box.querySelector(":scope > span");
  if (place && text) place.textContent = text;
}

/** Say a new stage to who does not see it. */
function announce(call, stage) {
  const key = `${call.id} ${stage}`;
  if (key === announced) return;
  announced = key;
  const { stages, languages } = words.phone;
  const about = [stages[stage], call.name || call.number, languages[call.language]];
  document.getElementById("call-said").textContent = about.filter(Boolean).join(", ");
}

// --- The keypad -------------------------------------------------------------------------------------

/** Put the keypad away. */
export function closePad() {
  const pad = document.getElementById("keypad");
  pad.hidden = true;
  pressed = "";
  pad.querySelector("[data-pressed]").textContent = "";
  strip().querySelector('[data-toggle="keypad"]').setAttribute("aria-expanded", "false");
}

function press(digit) {
  pressed += digit;
  document.querySelector("#keypad [data-pressed]").textContent = pressed.slice(-16);
  tellDevice("press", digit);
}

/** Listen to the keypad, by hand and by key. */
export function listen() {
  const pad = document.getElementById("keypad");
  pad.addEventListener("click", (event) => {
    const { digit } = event.target.closest("[data-digit]")?.dataset ?? {};
    if (digit) press(digit);
  });
  pad.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      closePad();
      strip().querySelector('[data-toggle="keypad"]').focus();
    } else if (/^[\d*#]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      press(event.key);
    }
  });
  document.addEventListener("click", (event) => {
    if (!pad.hidden && !event.target.closest('.keypad, [data-toggle="keypad"]')) closePad();
  });
}
