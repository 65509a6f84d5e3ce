// How the operator is at the phone, as the hub has it. Everything that shows it listens here.
//
// "tereze:phone" on the document tells of every new state, as `detail`: the shape of GET phone.
import { api } from "../api.js";

let shown = null;
let asking = null;
let again = false;

/** The state as it was told last, or null. */
export function state() {
  return shown;
}

/** Take in a state that the hub answered; what is older than the one shown is over. */
export function take(fresh) {
  if (shown && Date.parse(fresh.at) < Date.parse(shown.at)) return;
  shown = fresh;
  document.dispatchEvent(new CustomEvent("tereze:phone", { detail: shown }));
}

/** Ask the hub. One request at a time; what changes meanwhile is asked for after it. */
export async function refresh() {
  if (asking) {
    again = true;
    return asking;
  }
  asking = api("GET", "phone").then(take, () => {});
  await asking;
  asking = null;
  if (!again) return null;
  again = false;
  return refresh();
}

/** Change something at the phone, and show what came of it. Throws: Problem. */
export async function act(method, path, body) {
  const answer = await api(method, path, body);
  if (answer) take(answer);
  return answer;
}

/** Do something with the call that one has. Throws: Problem. */
export function withCall(action, body) {
  return act("POST", `phone/calls/${shown.call.id}/${action}`, body);
}

/** Whether the browser is where calls ring. */
export function isBrowser() {
  return shown !== null && shown.device === "";
}

/** Whether the operator has turned the phone on, whatever they do just now. */
export function isOn() {
  return shown !== null && !(shown.state === "away" && shown.reason === "signed_out");
}

/** Follow what the hub tells. */
export function follow() {
  document.addEventListener("tereze:calls", refresh);
  for (const name of ["reload", "online"]) document.addEventListener(`tereze:${name}`, refresh);
  return refresh();
}
