// Stores the chosen competences in the fragment of the address (#have=CP-7,SK-3), which browsers do not send. They are sent
// with the form when its button is pressed. Without this script, the form alone remembers them.

const list = document.querySelector("[data-chosen]");
const form = list.closest("form");

for (const ref of inFragment()) {
  if (!boxOf(ref)) add(ref, ref);
}
remember();
form.addEventListener("change", remember);
form.addEventListener("pick", (event) => {
  event.preventDefault();
  const { ref, text, language, type } = event.detail;
  const box = boxOf(ref) ?? add(ref, text, language, type);
  box.checked = true;
  event.target.value = "";
  remember();
});
addEventListener("hashchange", () => {
  const chosen = inFragment();
  for (const ref of chosen) boxOf(ref) ?? add(ref, ref);
  for (const box of boxes()) box.checked = chosen.includes(box.value);
});

function boxes() {
  return [...form.querySelectorAll("input[name=have]")];
}

function boxOf(ref) {
  return boxes().find((box) => box.value === ref);
}

function inFragment() {
  const refs = new URLSearchParams(location.hash.slice(1)).get("have")?.split(",") ?? [];
  return [...new Set(refs.filter((ref) => /^[\w-]{1,36}$/.test(ref)))];
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

function remember() {
  const chosen = boxes().filter((box) => box.checked).map((box) => box.value);
  const fragment = chosen.length ? `#have=${chosen.join(",")}` : "";
  history.replaceState(null, "", location.pathname + location.search + fragment);
}
