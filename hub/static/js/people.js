// People, found by whatever is known of them: a phone in any form, a name, an address, a number.
import { api } from "./api.js";

/** So many appeals are looked at for their people. */
const LOOKED_AT = 20;

/**
 * Who fits, as `{id, name, appeals}`: the newest appeals that were found of each, those that fit best
 * first, as the hub has them. Throws: Problem.
 */
export async function findPeople(typed, { signal } = {}) {
  const asked = new URLSearchParams({ q: typed, limit: LOOKED_AT });
  const { items } = await api("GET", `search?${asked}`, undefined, { signal });
  const people = new Map();
  for (const item of items) {
    const known = people.get(item.contact.id) ?? { ...item.contact, appeals: [] };
    known.appeals.push(item);
    people.set(item.contact.id, known);
  }
  return [...people.values()];
}

/** Everything about a person, as the API tells it. Throws: Problem. */
export function cardOf(id, { signal } = {}) {
  return api("GET", `contacts/${id}`, undefined, { signal });
}

/** The phone numbers and addresses of a card, in a line. */
export function reached(card) {
  return card.points
    .filter(({ scheme }) => scheme === "tel" || scheme === "email")
    .map(({ value }) => value)
    .join(", ");
}

/** A name whose letters stand in the order in which they are read, as hub/views/text.py has it. */
export function plain(name) {
  return (name ?? "").replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}
