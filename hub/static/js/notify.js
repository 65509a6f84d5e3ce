// Calls to the operator: a toast in the tab in use, a sound, and a notification of the system where no
// tab is seen. Of several tabs one leads, so that nothing is heard twice.
import { openAppeal, openList } from "./navigation.js";
import { prefer } from "./preferences.js";
import { toast } from "./toasts.js";
import { words } from "./words.js";

const ANSWER = 200;
/** Milliseconds in which a tab in use says that it has shown a notice. */

const LATE = "/inbox?queue=overdue&sort=due";
/** Where that is of which a notice tells without a number. */

const root = document.documentElement;
const seenBySomebody = new Set();
const others = "BroadcastChannel" in window ? new BroadcastChannel("tereze:notices") : null;
let leads = false;
let sound = null;

/** What the operator chose: true for every call, false for none; else only what is urgent. */
const chosen = JSON.parse(root.dataset.calls ?? "{}");

function isWanted(way, urgency) {
  return chosen[way] ?? urgency === "high";
}

function called({ detail: notice }) {
  const key = `${notice.kind} ${notice.number}`;
  if (document.visibilityState === "visible" && document.hasFocus()) {
    others?.postMessage(key);
    noteSeen(key);
    if (location.pathname !== `/inbox/${notice.number}`) {
      const href = notice.number ? `/inbox/${notice.number}${location.search}` : LATE;
      const action = { label: words.live.open, href };
      toast([notice.title, notice.text].filter(Boolean).join(" · "), { action, kind: notice.urgency === "high" ? "bad" : "" });
    }
    if (isWanted("notifications", notice.urgency)) offer();
  }
  if (!leads) return;
  if (isWanted("sounds", notice.urgency)) ring(notice.urgency);
  setTimeout(() => {
    if (!seenBySomebody.has(key)) notify(notice);
  }, ANSWER);
}

function noteSeen(key) {
  seenBySomebody.add(key);
  setTimeout(() => seenBySomebody.delete(key), 2 * ANSWER);
}

// --- The system's notifications ---------------------------------------------------------------------

function notify({ kind, number, urgency, title, text }) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  if (!isWanted("notifications", urgency)) return;
  const shown = new Notification(title, {
    body: text, tag: `${kind} ${number}`, lang: root.lang, requireInteraction: urgency === "high",
  });
  shown.onclick = () => {
    shown.close();
    window.focus();
    if (number) openAppeal(number, { focus: true });
    else openList(LATE, { focus: true });
  };
}

let offered = false;

/** A browser asks its owner once somebody wants to be asked: here where it matters, and once a page. */
function offer() {
  if (offered || !("Notification" in window) || Notification.permission !== "default") return;
  offered = true;
  toast(words.live.allow_text, { action: { label: words.live.allow, run: () => Notification.requestPermission() } });
}

/** Hear and see every call from now on, or urgent ones alone; whether it is every one. Throws: Problem. */
export async function toggleCalls() {
  const every = chosen.sounds !== true;
  if (every && "Notification" in window) await Notification.requestPermission();
  const wanted = every ? true : null;
  await prefer({ sounds: wanted, notifications: wanted });
  chosen.sounds = chosen.notifications = wanted;
  return every;
}

// --- Sound ------------------------------------------------------------------------------------------

const TONES = { high: [880, 660, 880], normal: [587] };
/** Hertz, one after the other. */
const LENGTH = 0.14;
/** Seconds that each lasts. */

/** Sound a call; browsers let a page be heard once somebody has touched it. */
export function ring(urgency) {
  if (!sound || sound.state !== "running") return;
  TONES[urgency].forEach((frequency, at) => {
    const begins = sound.currentTime + at * LENGTH;
    const tone = new OscillatorNode(sound, { frequency, type: "sine" });
    const volume = new GainNode(sound, { gain: 0 });
    volume.gain.setValueAtTime(0, begins);
    volume.gain.linearRampToValueAtTime(0.2, begins + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, begins + LENGTH);
    tone.connect(volume).connect(sound.destination);
    tone.start(begins);
    tone.stop(begins + LENGTH);
  });
}

function touched() {
  sound ??= new AudioContext();
  if (sound.state === "suspended") sound.resume();
}

/** Listen. */
export function listen() {
  if (!root.dataset.operator) return;
  document.addEventListener("tereze:notice", called);
  if (others) others.onmessage = ({ data }) => noteSeen(data);
  for (const name of ["pointerdown", "keydown"]) {
    document.addEventListener(name, touched, { once: true, passive: true });
  }
  if (!navigator.locks) {
    leads = true;
    return;
  }
  // Held until the tab is closed; then the next one leads.
  navigator.locks.request("tereze:notices", () => {
    leads = true;
    return new Promise(() => {});
  });
}
