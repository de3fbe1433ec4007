// Mounts GraphiQL on the page, with the examples of the server.
// Every URL is relative to the page, so that it also works behind a path prefix.
"use strict";

(() => {
  const EXAMPLES = "graphiql/examples.json";
  const WELCOME = { name: "Releases", query: "query Releases {\n  releases {\n    number\n    isCurrent\n  }\n}\n", variables: "" };

  // GraphiQL's dialogs and menus add a <style> element to the page. They read its nonce, which the content policy requires,
  // from this global.
  window.__webpack_nonce__ = document.currentScript.nonce;

  async function examples() {
    try {
      const response = await fetch(EXAMPLES, { headers: { Accept: "application/json" } });
      return response.ok ? await response.json() : { groups: [] };
    } catch {
      return { groups: [] };
    }
  }

  // A separate namespace, so that tabs do not mix with those of another GraphiQL on the same host and port.
  function browserStorage() {
    const storage = GraphiQL.createLocalStorage({ namespace: `competent:${location.pathname}` });
    try {
      storage.getItem("");
      return storage;
    } catch {
      return memoryStorage(); // The browser denies storage to this page.
    }
  }

  function memoryStorage() {
    const items = new Map();
    return {
      getItem: (key) => items.get(key) ?? null,
      setItem: (key, value) => items.set(key, value),
      removeItem: (key) => items.delete(key),
      clear: () => items.clear(),
      get length() {
        return items.size;
      },
    };
  }

  // The client's key, in the browser's tab only.
  function keyStore() {
    const name = `competent:${location.pathname}:key`;
    let key = "";
    try {
      key = sessionStorage.getItem(name) ?? "";
    } catch {} // The browser denies storage to this page.
    return {
      get key() {
        return key;
      },
      set key(value) {
        key = value;
        try {
          sessionStorage.setItem(name, value);
        } catch {}
      },
    };
  }

  // On a first visit GraphiQL fills its editors from the stored query and variables, not from the default tabs.
  function openFirst(example, storage) {
    if (storage.getItem("graphiql:tabState")) return false;
    storage.setItem("graphiql:query", example.query);
    storage.setItem("graphiql:variables", example.variables ?? "");
    return true;
  }

  // An operation in the URL (`#query=…&variables=…`); the URL is then cleared, so that it opens once.
  function takeLinkedOperation() {
    const parameters = new URLSearchParams(location.hash.slice(1));
    const query = parameters.get("query");
    if (!query) return null;
    history.replaceState(null, "", location.pathname + location.search);
    return { query, variables: parameters.get("variables") ?? "" };
  }

  // A link that is opened while the page is there.
  function FollowLinks({ examples }) {
    const editors = GraphiQL.React.useEditorContext();
    React.useEffect(() => {
      const follow = () => {
        const operation = takeLinkedOperation();
        if (operation) openOperation(editors, operation, examples);
      };
      addEventListener("hashchange", follow);
      return () => removeEventListener("hashchange", follow);
    });
    return null;
  }

  async function mount() {
    const root = document.getElementById("graphiql");
    const link = takeLinkedOperation();
    const { groups, response } = await examples();
    const plugins = groups.length ? [examplesPlugin(groups)] : [];
    const isWide = matchMedia("(width > 48rem)").matches;
    const all = groups.flatMap((group) => group.examples);
    const first = link ?? all[0] ?? WELCOME;
    const storage = browserStorage();
    const isFirstVisit = openFirst(first, storage);
    const store = keyStore();
    const { keyHeader } = root.dataset;
    const properties = {
      fetcher: createFetcher({ keyHeader, key: () => store.key, onRun: () => GraphiQLBar.showPane("response") }),
      storage,
      plugins,
      onTogglePluginVisibility: GraphiQLBar.showPlugin,
      ...(link ?? {}),
      ...(isFirstVisit && !link && response ? { response: JSON.stringify(response, null, 2) } : {}),
      defaultTabs: [{ query: first.query, variables: first.variables || null }],
      defaultQuery: "",
      defaultEditorToolsVisibility: Boolean(first.variables),
      inputValueDeprecation: true,
      schemaDescription: true,
    };
    const { createElement: h } = React;
    const logo = h(GraphiQL.Logo, null, h(GraphiQLBar.Bar, { store, keyHeader, opensExamples: isFirstVisit && isWide }), h(FollowLinks, { examples: all }));
    ReactDOM.createRoot(root).render(h(GraphiQL, properties, logo));
  }

  mount();
})();
