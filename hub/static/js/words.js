// What the browser says. The page brings the words in the operator's language: one catalogue.

/** The words of hub/views/words.py. */
export const words = JSON.parse(document.querySelector('meta[name="words"]')?.content ?? "{}");

const forms = new Intl.PluralRules(document.documentElement.lang || "en");

/** The text with %(name)s filled in from `values`; "%%" is a percent sign. */
export function format(text, values = {}) {
  return text.replace(/%\((\w+)\)s|%%/g, (found, name) => {
    if (name === undefined) return "%";
    return name in values ? String(values[name] ?? "") : found;
  });
}

/** The form of a message that goes with a number, the number filled in as %(n)s. */
export function plural(messages, number, values = {}) {
  const message = messages[forms.select(number)] ?? messages.other;
  return format(message, { n: number, ...values });
}
