// The JSON API, as the operator who has signed in.
import { toast } from "./toasts.js";
import { format, words } from "./words.js";

const BASE = `${location.origin}/api/v1/`;

/** What the hub refused: `.message` is in the operator's language, `.code` for programs. */
export class Problem extends Error {
  constructor(status, problem) {
    super(saying(problem));
    this.name = "Problem";
    this.status = status;
    this.code = problem.code ?? "";
    this.detail = problem.detail ?? "";
    this.pointer = problem.pointer ?? null;
    this.document = problem;
  }
}

/**
 * Call the API and return what it answers, null where it answers nothing.
 * `path` is below /api/v1/, such as "appeals/next"; `body` goes as JSON, a FormData as it is. With
 * `outlives` the request goes on when its page is left.
 * Throws: Problem.
 */
export async function api(method, path, body, options) {
  return (await apiWithUndo(method, path, body, options)).answer;
}

/** The same, as `{answer, undo}`: `undo` are the keys by which the change can be undone. */
export async function apiWithUndo(method, path, body, { idempotencyKey, signal, outlives = false } = {}) {
  const headers = new Headers({ Accept: "application/json" });
  const csrf = document.documentElement.dataset.csrf;
  if (csrf && method !== "GET") headers.set("X-CSRF-Token", csrf);
  if (idempotencyKey) headers.set("Idempotency-Key", idempotencyKey);
  const isForm = body instanceof FormData;
  if (body !== undefined && !isForm) headers.set("Content-Type", "application/json");
  let response;
  try {
    response = await fetch(new URL(path, BASE), {
      method,
      headers,
      signal,
      keepalive: outlives,
      body: body === undefined || isForm ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { code: "no_answer" });
  }
  if (!response.ok) throw await problemOf(response);
  const undo = (response.headers.get("Undo") ?? "").split(",").map((key) => key.trim());
  const answer = response.status === 204 ? null : await response.json();
  return { answer, undo: undo.filter(Boolean) };
}

/** Fetch a piece of a page as HTML. Throws: Problem. */
export function fragment(address, { signal } = {}) {
  return html(address, { signal, headers: { "HX-Request": "true" } });
}

/** Fetch a page as HTML. Throws: Problem. */
export function wholePage(address, { signal } = {}) {
  return html(address, { signal });
}

async function html(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { code: "no_answer" });
  }
  if (!response.ok) throw await problemOf(response);
  return response.text();
}

/** Say what went wrong; what was only called off is nothing. */
export function tell(error) {
  if (error.name === "AbortError") return;
  // One who was signed out has been told, with the way back in.
  if (error instanceof Problem && error.code === "signed_out") return;
  toast(error instanceof Problem ? error.message : words.failed, { kind: "bad" });
  if (!(error instanceof Problem)) throw error;
}

async function problemOf(response) {
  const known = { 401: "unauthorized", 403: "forbidden", 404: "not_found", 503: "unavailable" };
  let problem = { code: known[response.status] ?? "" };
  if (/\bjson\b/.test(response.headers.get("Content-Type") ?? "")) {
    problem = await response.json().catch(() => problem);
  }
  // On a page for strangers there is nobody to be signed out.
  if (problem.code === "unauthorized" && document.documentElement.dataset.csrf) {
    problem.code = "signed_out";
    sayGoodbye();
  }
  return new Problem(response.status, problem);
}

function saying(problem) {
  if (problem.said) return problem.said;
  const said = { ...words.problems, signed_out: words.signed_out, no_answer: words.no_answer };
  const known = said[problem.code];
  if (!known) return problem.detail || words.failed;
  return format(known, { ...problem, holder: problem.holder?.name ?? "" });
}

let leaving = false;

/** Tell somebody who was signed out, with the way back in. */
export function sayGoodbye() {
  if (leaving) return;
  leaving = true;
  const next = new URLSearchParams({ next: location.pathname + location.search });
  const action = { label: words.sign_in, href: `/signin?${next}` };
  toast(words.signed_out, { kind: "bad", action, seconds: 3600 });
}
