// Changes to appeals: one or many, told in a notice that can take them back.
import { api, apiWithUndo, Problem, tell } from "./api.js";
import { toast } from "./toasts.js";
import { format, plural, words } from "./words.js";

/**
 * Change appeals, say so as `said`, and offer to undo it; whether all of them were changed.
 * Of several, those that cannot be changed are told of, and the others are.
 */
export async function change(numbers, body, said) {
  try {
    const { done, refused, undo } = numbers.length === 1
      ? await changeOne(numbers[0], body)
      : await changeMany(numbers, body);
    if (done.length) tellDone(said, done, undo);
    if (refused.length) tellRefused(refused);
    spread(done);
    return refused.length === 0;
  } catch (error) {
    if (error.code === "already_held" && "assignee" in body && isSupervisor()) offerToTake(error, numbers, body, said);
    else tell(error);
    return false;
  }
}

function tellRefused(refused) {
  toast(plural(words.refused, refused.length, { reason: refused[0].message }), { kind: "bad" });
}

/** Whether the operator may take appeals from others. */
export function isSupervisor() {
  return document.documentElement.dataset.role !== "operator";
}

function offerToTake(problem, numbers, body, said) {
  const run = () => change(numbers, { ...body, reassign: true }, said);
  toast(problem.message, { kind: "bad", action: { label: words.ask.take_over, run } });
}

async function changeOne(number, body) {
  const { undo } = await apiWithUndo("PATCH", `appeals/${number}`, body);
  return { done: [number], refused: [], undo };
}

async function changeMany(numbers, body) {
  const { items } = await api("POST", "appeals/bulk", { numbers, change: body });
  return {
    done: items.filter((each) => each.ok).map((each) => each.number),
    refused: refusedOf(items),
    undo: items.map((each) => each.undo).filter(Boolean),
  };
}

function refusedOf(items) {
  return items.filter((each) => !each.ok).map(({ problem }) => new Problem(problem.status, problem));
}

/** Say what was done, with the way back, if there is one. */
export function tellDone(said, numbers, undo = []) {
  const text = numbers.length === 1
    ? format(words.said_of_one, { what: said, number: numbers[0] })
    : plural(words.said_of_many, numbers.length, { what: said });
  const action = undo.length ? { label: words.undo, run: () => takeBack(undo, numbers) } : null;
  toast(text, { action });
}

async function takeBack(keys, numbers) {
  try {
    const { items } = await api("POST", "undo", { keys });
    const refused = refusedOf(items);
    if (refused.length) tellRefused(refused);
    else toast(words.undone);
  } catch (error) {
    tell(error);
  }
  spread(numbers);
}

/** Let whatever shows these appeals look again. */
export function spread(numbers) {
  for (const number of numbers) {
    document.dispatchEvent(new CustomEvent("tereze:thread", { detail: { number } }));
  }
}
