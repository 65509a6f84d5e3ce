// The browser as the operator's telephone: Twilio's SDK, loaded when somebody turns it on.
//
// Of several tabs one has the device, the one that holds the lock; the others tell it what to do. It
// knows no rules: what rings, and whose it is, the hub decides.
// Source: https://www.twilio.com/docs/voice/sdks/javascript/twiliodevice
import { api } from "../api.js";
import { state } from "./state.js";

const SAY_SO_EVERY = 15_000;
const PATIENCE = 15_000;
/** Milliseconds within which the device is ready, or is given up. */
const REFRESH_BEFORE = 60_000;
/** Milliseconds before a pass is over in which another one is fetched. */
const KEYS = [..."0123456789"].map((key) => [`dtmf${key}`, `dtmf${key}`]);
const NAMES = ["incoming", "outgoing", "disconnect", "dtmfs", "dtmfh"].map((name) => [name, name]);

const SDK = new URL("../../vendor/twilio-voice.js", import.meta.url);

/** The SDK's sounds, which would else come from its maker's host. */
const sounds = Object.fromEntries(
  [...KEYS, ...NAMES].map(([name, file]) => [name, new URL(`../../vendor/sounds/${file}.wav`, import.meta.url).href]),
);

/** Why the browser cannot be a telephone: "no_microphone", "no_sdk", "no_answer" or "not_ready". */
export class CannotRing extends Error {
  constructor(code, reason = "") {
    super(code);
    this.code = code;
    this.reason = reason;
  }
}

const SILENT = { ready: false, rings: false, talks: false, muted: false };

/** What the device is doing, as every tab is told: `{ready, rings, talks, muted}`. */
export const media = { ...SILENT };

const tabs = "BroadcastChannel" in window ? new BroadcastChannel("tereze:phone") : null;
let leads = false;
let waits = false;
/** For its turn to be the telephone. */
let letGo = () => {};
let device = null;
let call = null;
let wanted = null;
/** The call that somebody has answered, though the device does not ring yet. */
let timer = 0;
let isOver = false;
/** Whoever had this telephone is signed out. */

function tell(change) {
  tabs?.postMessage({ media: { ...media, ...change } });
  show(change);
}

function show(change) {
  Object.assign(media, change);
  document.documentElement.toggleAttribute("data-phone-ready", media.ready);
  document.dispatchEvent(new CustomEvent("tereze:media", { detail: media }));
}

// --- Which tab --------------------------------------------------------------------------------------

/** Be the telephone in this tab, or find that another one is. Throws: CannotRing. */
export async function turnOn() {
  if (media.ready) return;
  if (!leads && !(await lead())) return;
  await start();
}

/**
 * Be it as soon as no other tab is: after a page was loaded anew, or the one that was is closed.
 * `isNeeded()` tells then whether it is still to be one.
 */
export function standBy(isNeeded) {
  if (leads || waits) return;
  waits = true;
  navigator.locks.request("tereze:phone", () => {
    waits = false;
    if (!isNeeded()) return null;
    const until = held();
    tell(SILENT); // whatever was on the tab that is gone
    start().catch(() => {});
    return until;
  });
}

/** Nobody is signed in here any more: a pass that is good still rings nothing. Who talks goes on. */
export function retire() {
  isOver = true;
  if (!media.talks) turnOff();
}

/** Calls ring elsewhere from now on, or nowhere. */
export function turnOff() {
  clearInterval(timer);
  device?.destroy();
  device = call = null;
  tell(SILENT);
  leads = false;
  letGo();
}

function lead() {
  return new Promise((resolve) => {
    navigator.locks.request("tereze:phone", { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && held();
    });
  });
}

/** Hold the lock until it is let go of, or the tab is closed. */
function held() {
  leads = true;
  return new Promise((resolve) => {
    letGo = resolve;
  });
}

// --- The device -------------------------------------------------------------------------------------

let starting = null;

function start() {
  starting ??= begin().finally(() => {
    starting = null;
  });
  return starting;
}

async function begin() {
  if (device) return;
  await askForMicrophone();
  const Device = await load();
  const { token } = await api("POST", "phone/pass");
  device = new Device(token, {
    sounds,
    closeProtection: true,
    codecPreferences: ["opus", "pcmu"],
    logLevel: 5,
    tokenRefreshMs: REFRESH_BEFORE,
  });
  device.on("registered", ready);
  device.on("unregistered", () => tell({ ready: false }));
  device.on("incoming", rings);
  device.on("tokenWillExpire", renew);
  device.on("error", (error) => document.dispatchEvent(new CustomEvent("tereze:phone-error", { detail: error })));
  try {
    await within(device.register());
    await known;
  } catch (error) {
    device?.destroy();
    device = null;
    throw error instanceof CannotRing ? error : new CannotRing("not_ready", error?.message ?? String(error));
  }
}

async function load() {
  try {
    await import(SDK.href);
    return globalThis.Twilio.Device;
  } catch {
    throw new CannotRing("no_sdk");
  }
}

/** Now, and not when the first caller waits. */
async function askForMicrophone() {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) track.stop();
  } catch {
    throw new CannotRing("no_microphone");
  }
}

function within(promise) {
  let late = 0;
  const limit = new Promise((_, reject) => {
    late = setTimeout(() => reject(new CannotRing("no_answer")), PATIENCE);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(late));
}

let known = Promise.resolve();
/** The hub has heard that the device is ready. */

function ready() {
  tell({ ready: true });
  clearInterval(timer);
  timer = setInterval(saySo, SAY_SO_EVERY);
  known = saySo();
}

/** The hub offers calls to whom it hears from. */
async function saySo() {
  if (device?.state !== "registered") return;
  await api("POST", "phone/seen").catch(() => {});
}

async function renew() {
  const { token } = await api("POST", "phone/pass").catch(() => ({}));
  if (token) device?.updateToken(token);
}

// --- A call on it -----------------------------------------------------------------------------------

function rings(incoming) {
  call = incoming;
  const over = () => {
    if (call !== incoming) return;
    call = wanted = null;
    tell({ rings: false, talks: false, muted: false });
    if (isOver) turnOff();
  };
  incoming.on("accept", () => tell({ rings: false, talks: true }));
  incoming.on("mute", (muted) => tell({ muted }));
  for (const name of ["disconnect", "cancel", "reject"]) incoming.on(name, over);
  tell({ rings: true });
  if (wanted && wanted === state()?.call?.id) call.accept();
}

/** What can be done with the device, in whichever tab it is. */
const does = {
  answer(id) {
    if (call && media.rings) call.accept();
    else wanted = id;
  },
  decline() {
    call?.reject();
  },
  hangUp() {
    if (media.rings) call?.reject();
    else call?.disconnect();
  },
  mute(muted) {
    call?.mute(muted);
  },
  press(digits) {
    call?.sendDigits(digits);
  },
};

/** Do it: "answer", "decline", "hangUp", "mute" or "press". */
export function tellDevice(what, value) {
  if (leads) does[what](value);
  else tabs?.postMessage({ does: what, value });
}

if (tabs) {
  tabs.onmessage = ({ data }) => {
    if (data.does && leads) does[data.does](data.value);
    if (data.ask && leads) tabs.postMessage({ media });
    if (data.media && !leads) show(data.media);
  };
  tabs.postMessage({ ask: true });
}
