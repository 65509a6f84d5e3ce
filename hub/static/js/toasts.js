// Short notices at the foot of the page, which screen readers say.
import { words } from "./words.js";

const SECONDS = 6;
const SECONDS_WITH_ACTION = 10;

/**
 * Show a notice, and return a function that takes it away.
 * `kind` is "bad" for what went wrong; `action` is `{label, run}` or `{label, href}`.
 * It stays while the pointer or the focus is on it.
 */
export function toast(text, { kind = "", action = null, seconds = null } = {}) {
  const box = document.getElementById("toasts");
  const notice = document.createElement("div");
  notice.className = `toast ${kind}`.trim();
  const said = document.createElement("span");
  said.textContent = text;
  notice.append(said);

  const close = () => {
    clearTimeout(timer);
    if (notice.contains(document.activeElement)) giveFocusBack();
    notice.remove();
  };
  if (action) notice.append(actionOf(action, close));
  notice.append(closeButton(close));

  const lasts = (seconds ?? (action ? SECONDS_WITH_ACTION : SECONDS)) * 1000;
  let timer = 0;
  const start = () => {
    clearTimeout(timer);
    timer = setTimeout(close, lasts);
  };
  const hold = () => clearTimeout(timer);
  notice.addEventListener("pointerenter", hold);
  notice.addEventListener("pointerleave", start);
  notice.addEventListener("focusin", hold);
  notice.addEventListener("focusout", start);
  start();

  for (const same of box.querySelectorAll(".toast")) {
    if (same.firstElementChild.textContent === text && !action) same.remove();
  }
  box.append(notice);
  return close;
}

function actionOf({ label, run, href }, close) {
  const button = document.createElement(href ? "a" : "button");
  button.className = "button";
  button.textContent = label;
  if (href) {
    button.href = href;
  } else {
    button.type = "button";
    button.addEventListener("click", () => {
      close();
      run();
    });
  }
  return button;
}

function closeButton(close) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button only-icon";
  button.setAttribute("aria-label", words.close);
  button.textContent = "×";
  button.addEventListener("click", close);
  return button;
}

function giveFocusBack() {
  document.querySelector("#appeal-title, #list .row-link, main")?.focus({ preventScroll: true });
}
