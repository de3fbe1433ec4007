// Suggestions in search boxes, buttons that copy, and selected competences (#have=CP-7,SK-3), which links preserve.
// Without this script, a form still searches, texts can be selected, and a form adds one competence.

const DELAY = 120; // milliseconds between the last key and the request
let boxes = 0;

for (const input of document.querySelectorAll("input[data-suggestions]")) {
  suggestFor(input);
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.nextElementSibling.textContent = button.dataset.done;
  });
}

for (const type of ["click", "auxclick"]) {
  addEventListener(type, ({ target }) => {
    const link = target.closest("a[href]");
    if (link) link.setAttribute("href", withSelection(link.getAttribute("href")));
  });
}
addEventListener("submit", ({ target: form }) => {
  form.setAttribute("action", withSelection(form.getAttribute("action")));
  if (!("add" in form.dataset) || !selection()) return;
  const box = document.createElement("input");
  Object.assign(box, { type: "hidden", name: "have", value: selection() });
  form.prepend(box);
});

/** The selected competences in the fragment, separated by commas. */
function selection() {
  return location.hash.match(/^#have=([\w,-]+)$/)?.[1] ?? "";
}

/** The URL with the selected competences, if it is of a page of the explorer; otherwise unchanged. */
function withSelection(href) {
  const url = new URL(href, document.baseURI);
  const root = new URL("../", document.querySelector(".brand").href);
  const isPage = url.href.startsWith(root.href) && /^(nl|fr|en|de)\//.test(url.href.slice(root.href.length));
  if (!isPage || (url.hash && !url.hash.startsWith("#have="))) return href;
  url.hash = selection() && `have=${selection()}`;
  return url.href;
}

/** Makes an input a combobox (ARIA Authoring Practices, "editable combobox with list autocomplete"). */
function suggestFor(input) {
  const list = document.createElement("ul");
  list.id = `suggestions-${++boxes}`;
  list.className = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.getAttribute("aria-label"));
  input.parentElement.append(list);
  for (const [name, value] of Object.entries({
    autocomplete: "off",
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-controls": list.id,
    "aria-expanded": "false",
  })) {
    input.setAttribute(name, value);
  }
  let timer = 0;
  let request = new AbortController();
  let active = -1;

  const close = () => {
    clearTimeout(timer);
    request.abort();
    activate(-1);
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  };
  const activate = (index) => {
    active = index;
    [...list.children].forEach((option, position) => option.setAttribute("aria-selected", position === index));
    const option = list.children[index];
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };
  const show = (items, base) => {
    list.replaceChildren(...items.map((item, index) => optionOf(item, `${list.id}-${index}`, () => pick(item, base))));
    activate(-1);
    list.hidden = items.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
  };
  const pick = (item, base) => {
    close();
    if (!input.dispatchEvent(new CustomEvent("pick", { bubbles: true, cancelable: true, detail: item }))) return;
    if (input.dataset.pick === "ref") input.value = `${item.ref} ${item.text}`;
    else location.assign(withSelection(new URL(item.url, base)));
  };
  const load = async () => {
    request.abort();
    request = new AbortController();
    const { signal } = request;
    const url = new URL(input.dataset.suggestions, document.baseURI);
    url.searchParams.set("q", input.value.trim());
    try {
      const response = await fetch(url, { signal });
      const items = response.ok ? await response.json() : [];
      if (!signal.aborted) show(items, url);
    } catch {
      if (!signal.aborted) show([], url); // aborted, or the server does not respond: the form still searches
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    if (input.value.trim()) timer = setTimeout(load, DELAY);
    else close();
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || list.hidden) return;
    const count = list.children.length;
    if (event.key === "ArrowDown") activate((active + 1) % count);
    else if (event.key === "ArrowUp") activate(active < 0 ? count - 1 : active - 1);
    else if (event.key === "Escape") close();
    else if (event.key === "Enter" && active >= 0) list.children[active].click();
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", close);
  input.form?.addEventListener("submit", close);
}

function optionOf(item, id, onPick) {
  const option = document.createElement("li");
  const text = document.createElement("bdi");
  const type = document.createElement("small");
  option.id = id;
  option.setAttribute("role", "option");
  text.textContent = item.text;
  text.lang = item.language;
  type.textContent = item.type;
  option.append(text, " ", type);
  option.addEventListener("mousedown", (event) => event.preventDefault()); // the input stays focused until the click
  option.addEventListener("click", onPick);
  return option;
}
