// What a tab keeps is its operator's: whoever signs in there next finds nothing that a colleague left.

const OWN = `tereze:${document.documentElement.dataset.operator ?? ""}:`;

/** The name under which the tab keeps something of theirs. */
export function own(name) {
  return OWN + name;
}

if (document.documentElement.dataset.operator) {
  // On a page for strangers nobody is there yet: it may be the same person who comes back.
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith("tereze:") && !key.startsWith(OWN)) sessionStorage.removeItem(key);
  }
}
