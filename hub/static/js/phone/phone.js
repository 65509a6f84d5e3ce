// The softphone: what the bar, the strip and the card show, and what can be done by key and button.
import { api, Problem, tell } from "../api.js";
import { ask, confirm } from "../dialogs.js";
import { icon } from "../icons.js";
import { applies, command } from "../keys.js";
import { toast } from "../toasts.js";
import { format, words } from "../words.js";
import * as bar from "./bar.js";
import * as card from "./card.js";
import "./clock.js";
import { CannotRing, media, retire, standBy, tellDevice, turnOff, turnOn } from "./softphone.js";
import { act, follow, isBrowser, isOn, state, withCall } from "./state.js";
import * as strip from "./strip.js";

const said = () => words.phone;

/** Whether something can be done with the call now. */
const can = (name) => () => state() !== null && strip.offered(state())[name];

/** A function that tells what went wrong. */
const safely = (run) => async (given) => {
  try {
    await run(given);
  } catch (error) {
    if (error instanceof CannotRing) toast(format(said()[error.code], error), { kind: "bad", seconds: 15 });
    else tell(error);
  }
};

// --- How one is -------------------------------------------------------------------------------------

let changing = 0;
/** How often somebody is turning the phone on just now: a state from before that ends nothing. */

/** Change something at the phone for which the browser is to be the telephone. Throws: Problem, CannotRing. */
async function asTelephone(change) {
  changing += 1;
  try {
    if (isBrowser()) await beTelephone();
    return await change();
  } finally {
    changing -= 1;
    followState();
  }
}

async function takeCalls() {
  await asTelephone(() => act("PATCH", "phone", { state: "available" }));
}

/** Be the telephone, and say so as long as that takes. Throws: CannotRing. */
async function beTelephone() {
  const over = media.ready ? () => {} : toast(said().connecting, { seconds: 60 });
  try {
    await turnOn();
  } finally {
    over();
  }
}

async function goAway({ value }) {
  await act("PATCH", "phone", { state: "away", reason: value });
}

async function useBrowser() {
  await act("PATCH", "phone", { device: "" });
  await asTelephone(() => {});
  toast(said().device_kept);
}

async function useAnother() {
  const field = {
    name: "device", kind: "text", label: said().device, hint: said().device_text,
    value: state().device, required: true, placeholder: "sip:operator@pbx.example.kz",
  };
  const given = await ask({ title: said().device, fields: [field] });
  if (!given) return;
  await act("PATCH", "phone", { device: given.device.replaceAll(/[\s()-]/g, "") });
  toast(said().device_kept);
}

// --- With the call ----------------------------------------------------------------------------------

function answer() {
  tellDevice("answer", state().call.id);
  card.write();
}

async function decline() {
  await withCall("decline");
  tellDevice("decline");
}

async function hangUp() {
  try {
    await withCall("hang-up");
  } catch (error) {
    // The line may have been cut first: that was what was wanted.
    if (!(error instanceof Problem && error.code === "not_talking")) throw error;
  } finally {
    tellDevice("hangUp");
  }
}

/** A colleague to choose; of whoever takes calls, and yet has no phone that rings, it says that. */
function colleague({ id, name, state: does, free }) {
  return { value: `operator ${id}`, label: name, hint: free || does !== "available" ? said().states[does] : said().reasons.failed };
}

async function transfer() {
  strip.closePad();
  const teams = JSON.parse(document.getElementById("names").dataset.teams);
  const { items: people } = await api("GET", "phone/colleagues");
  const to = [
    { value: "anybody", label: said().anybody },
    ...people.filter(({ free }) => free).map(colleague),
    ...teams.map(([key, label]) => ({ value: `team ${key}`, label, hint: said().team })),
    ...people.filter(({ free }) => !free).map(colleague),
  ];
  const given = await ask({
    title: said().transfer,
    ok: said().transfer_ok,
    fields: [
      { name: "to", kind: "search", label: said().to, options: to, value: "anybody" },
      { name: "announced", kind: "check", label: said().announced, hint: said().announced_hint },
    ],
  });
  if (!given?.to) return;
  const [kind, whom] = given.to.split(" ");
  const body = kind === "operator" ? { operator: whom, announced: Boolean(given.announced) } : { team: whom ?? null };
  await withCall("transfer", body);
}

// --- Calling somebody -------------------------------------------------------------------------------

/** Call whomever the body or the path names. Throws: Problem, CannotRing. */
async function callOut(body, path = "phone/calls") {
  const answered = await asTelephone(() => act("POST", path, body));
  if (answered.device) toast(format(said().calling_to, { number: answered.call.number }));
  else tellDevice("answer", answered.call.id);
}

async function callNumber({ element }) {
  const { callBack, callNumber: number, callAppeal: appeal } = element?.dataset ?? {};
  if (callBack) return callOut(undefined, `phone/call-backs/${callBack}/call`);
  const body = Object.fromEntries(Object.entries({ number, appeal }).filter(([, value]) => value));
  if (Object.keys(body).length) return callOut(body);
  const given = await ask({
    title: words.commands["phone-call"],
    fields: [{ name: "number", kind: "text", label: said().number, required: true, placeholder: "+7 701 123 45 67" }],
  });
  return given && callOut({ number: given.number });
}

async function noCallBack({ element: { dataset: { callBack, who } } }) {
  const sure = { text: said().no_call_back_text, ok: said().no_call_back_ok };
  if (await confirm(format(said().no_call_back, { name: who }), sure)) await act("DELETE", `phone/call-backs/${callBack}`);
}

/** Know what can be done. */
function learn() {
  const phone = { group: "phone", typing: true };
  command("phone-available", { ...phone, icon: () => icon("phone-check"), run: safely(takeCalls) });
  command("phone-away", { ...phone, palette: false, bindable: false, run: safely(goAway) });
  command("phone-browser", { ...phone, icon: () => icon("headset"), run: safely(useBrowser) });
  command("phone-device", { ...phone, icon: () => icon("device-landline-phone"), run: safely(useAnother) });
  command("phone-call", { ...phone, icon: () => icon("phone-plus"), run: safely(callNumber) });
  command("phone-no-call-back", { ...phone, palette: false, bindable: false, run: safely(noCallBack) });
  command("phone-accept", { ...phone, key: "F8", icon: () => icon("phone"), when: can("phone-accept"), run: answer });
  command("phone-decline", { ...phone, key: "Shift+F8", icon: () => icon("phone-off"), when: can("phone-decline"), run: safely(decline) });
  command("phone-hang-up", { ...phone, key: "Ctrl+F8", icon: () => icon("phone-off"), when: can("phone-hang-up"), run: safely(hangUp) });
  command("phone-mute", {
    ...phone, key: "F9", icon: () => icon("microphone-off"), when: can("phone-mute"),
    run: () => tellDevice("mute", document.querySelector('[data-command="phone-mute"]').getAttribute("aria-pressed") !== "true"),
  });
  command("phone-hold", {
    ...phone, key: "Shift+F9", icon: () => icon("player-pause"), when: can("phone-hold"),
    run: safely(() => withCall(state().call.held ? "resume" : "hold")),
  });
  command("phone-transfer", { ...phone, key: "Ctrl+F9", icon: () => icon("phone-outgoing"), when: can("phone-transfer"), run: safely(transfer) });
  command("phone-complete", { ...phone, icon: () => icon("user-check"), when: can("phone-complete"), run: safely(() => withCall("complete")) });
  command("phone-cancel", { ...phone, icon: () => icon("arrow-back-up"), when: can("phone-cancel"), run: safely(() => withCall("cancel")) });
  command("phone-card", { ...phone, key: "Alt+F8", icon: () => icon("id"), when: can("phone-card"), run: card.toggle });
  command("phone-settle", { ...phone, key: "Alt+F9", icon: () => icon("file-check"), when: can("phone-card"), run: safely(card.settle) });
}

// --- Staying as the hub has it ----------------------------------------------------------------------

function shown({ detail }) {
  bar.show(detail);
  strip.show(detail);
  card.show(detail);
  followState();
}

/** Be the telephone, or not, as the state says. */
function followState() {
  const isTelephone = () => isBrowser() && isOn();
  if (isTelephone()) standBy(isTelephone);
  else if (!changing) turnOff();
}

/** A page that is left ends the call that it carries: on a call, others open beside it. */
function stay(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || !applies("phone-hang-up") || !isBrowser()) return;
  const leads = new URL(link.href, location.href);
  if (link.target || leads.origin !== location.origin || link.hasAttribute("download")) return;
  if (leads.pathname === location.pathname && leads.hash) return;
  event.preventDefault();
  toast(said().stays);
  open(leads.href, "_blank", "noopener");
}

/** Listen. */
function listen() {
  document.addEventListener("tereze:phone", shown);
  document.addEventListener("tereze:placed", () => state() && bar.show(state()));
  document.addEventListener("tereze:media", strip.showMedia);
  document.addEventListener("tereze:signed-out", retire);
  document.addEventListener("tereze:phone-error", () => toast(said().lost, { kind: "bad" }));
  addEventListener("click", stay);
  strip.listen();
  card.listen();
  follow();
}

learn();
listen();
