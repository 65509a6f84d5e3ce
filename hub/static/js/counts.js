// Numbers of the queues, wherever one stands: `data-count` names it, such as "mine" or "team:roads".

let known = null;

function show() {
  if (!known) return;
  for (const place of document.querySelectorAll("[data-count]")) {
    const name = place.dataset.count;
    if (!name) continue;
    const number = name.startsWith("team:") ? known.teams[name.slice(5)] : known[name];
    const text = number ? String(number) : "";
    if (place.textContent !== text) place.textContent = text;
  }
}

/** Show the numbers as they are told. */
export function listen() {
  document.addEventListener("tereze:counts", ({ detail }) => {
    known = detail;
    show();
  });
  // What is put anew has a place for its own.
  for (const put of ["listed", "placed"]) document.addEventListener(`tereze:${put}`, show);
}
