// Stores the selected competences in the fragment of the URL (#have=CP-7,SK-3), which browsers do not send. They are sent
// with the form when its button is pressed. Without this script, only the form stores them.

const MAX_CODES = 500; // the server's maximum in a form
const MAX_NAMED = 100; // and of competences that it compares
const list = document.querySelector("[data-chosen]");
const form = list.closest("form");

addFromFragment();
store();
form.addEventListener("change", store);
form.addEventListener("pick", (event) => {
  event.preventDefault();
  const { ref, text, language, type } = event.detail;
  const box = boxOf(ref) ?? add(ref, text, language, type);
  box.checked = true;
  event.target.value = "";
  store();
});
addEventListener("hashchange", () => {
  addFromFragment();
  const selected = inFragment();
  for (const box of boxes()) box.checked = selected.includes(box.value);
});

function boxes() {
  return [...form.querySelectorAll("input[name=have]")];
}

function boxOf(ref) {
  return boxes().find((box) => box.value === ref);
}

function inFragment() {
  const refs = new URLSearchParams(location.hash.slice(1)).get("have")?.split(",") ?? [];
  const valid = refs.filter((ref) => /^[\w-]{1,36}$/.test(ref)).map((ref) => (ref.length < 36 ? ref.toUpperCase() : ref));
  return [...new Set(valid)].slice(0, MAX_CODES);
}

/** Add the competences in the fragment that have no box, by their codes; then by their names, from the server. */
function addFromFragment() {
  const added = inFragment().filter((ref) => !boxOf(ref));
  for (const ref of added) add(ref, ref);
  if (added.length) nameAll(added.slice(0, MAX_NAMED));
}

/** Ask the server for the boxes of these competences, and replace those that show only a code; on failure they stay. */
async function nameAll(refs) {
  const body = new URLSearchParams({ have: refs.join(",") });
  const response = await fetch(form.getAttribute("action"), { method: "POST", body }).catch(() => null);
  if (!response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html"); // scripts in it do not run
  const items = [...page.querySelectorAll("[data-chosen] > li")];
  const isSelected = new Map(boxes().map((box) => [box.value, box.checked]));
  for (const ref of refs) itemOf(ref)?.remove();
  for (const item of items) {
    const box = item.querySelector("input");
    box.checked &&= isSelected.get(box.value) ?? true;
    if (!itemOf(box.value)) list.append(item);
  }
  store();
}

function itemOf(ref) {
  return boxOf(ref)?.closest("li");
}

function add(ref, text, language = "", type = "") {
  const item = document.createElement("li");
  const label = document.createElement("label");
  const box = document.createElement("input");
  const name = document.createElement("bdi");
  const note = document.createElement("small");
  Object.assign(box, { type: "checkbox", name: "have", value: ref, checked: true });
  name.textContent = text;
  if (language) name.lang = language;
  note.textContent = type;
  label.append(box, " ", name);
  item.append(label, " ", note);
  list.append(item);
  return box;
}

function store() {
  const selected = boxes().filter((box) => box.checked).map((box) => box.value);
  const fragment = selected.length ? `#have=${selected.join(",")}` : "";
  history.replaceState(null, "", location.pathname + location.search + fragment);
}
