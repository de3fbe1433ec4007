// Mounts GraphiQL on the page, with a tab for each example operation of the server.
// Every URL is relative to the page, so that it also works behind a path prefix.
"use strict";

(() => {
  const ENDPOINT = "graphql";
  const EXAMPLES = "graphiql/tabs.json";
  const ACCEPT = "application/graphql-response+json, application/json;q=0.9, multipart/mixed;incrementalSpec=v0.2;q=0.8";
  const EVENTS = "text/event-stream";
  const WELCOME = {
    title: "Releases",
    query: "query Releases {\n  releases {\n    number\n    isCurrent\n  }\n}\n",
    variables: "",
  };

  // GraphiQL's dialogs and menus add a <style> element to the page. They read its nonce, which the content policy requires,
  // from this global.
  window.__webpack_nonce__ = document.currentScript.nonce;

  async function fetcher(operation, { headers, documentAST } = {}) {
    const accept = isSubscription(operation, documentAST) ? EVENTS : ACCEPT;
    const sent = new Headers({ "Content-Type": "application/json", Accept: accept });
    for (const [name, value] of Object.entries(headers ?? {})) sent.set(name, value);
    const response = await fetch(ENDPOINT, { method: "POST", headers: sent, body: JSON.stringify(named(operation)) });
    const type = response.headers.get("Content-Type") ?? "nothing";
    if (type.includes("json")) return withHint(await response.json());
    if (type.startsWith("multipart/mixed")) return resultsInParts(response);
    if (type.includes(EVENTS)) return events(response.body.pipeThrough(new TextDecoderStream()).getReader());
    return { errors: [{ message: `The server answered with status ${response.status} and ${type}, not with JSON.` }] };
  }

  // Visitors without a key need to know where to enter it in this page.
  function withHint(answer) {
    for (const error of answer?.errors ?? []) {
      if (error.extensions?.code !== "UNAUTHENTICATED") continue;
      const name = error.message.includes("X-IBM-Client-Id") ? "X-IBM-Client-Id" : "X-API-Key";
      error.message += ` In GraphiQL: write {"${name}": "your key"} into the tab "Headers" below the query, then press "Re-fetch GraphQL schema".`;
    }
    return answer;
  }

  // Right after switching tabs, GraphiQL still sends the operation name of the previous tab.
  function named({ operationName, ...operation }) {
    const isThere = operationName && new RegExp(`\\b${operationName}\\b`).test(operation.query);
    return isThere ? { ...operation, operationName } : operation;
  }

  function isSubscription({ operationName }, documentAST) {
    const operations = (documentAST?.definitions ?? []).filter((each) => each.kind === "OperationDefinition");
    const run = operations.find((each) => each.name?.value === operationName) ?? operations[0];
    return run?.operation === "subscription";
  }

  // Yields the results of an event stream as they arrive; heartbeat comments are skipped.
  async function* events(reader) {
    let read = "";
    try {
      while (true) {
        const { value, done } = await reader.read();
        if (done) return;
        const blocks = (read + value).split("\n\n");
        read = blocks.pop();
        for (const block of blocks) {
          if (block.startsWith("event: complete")) return;
          if (block.startsWith("event: next")) yield JSON.parse(block.slice(block.indexOf("data: ") + 6));
        }
      }
    } finally {
      reader.cancel();
    }
  }

  async function examples() {
    try {
      const response = await fetch(EXAMPLES, { headers: { Accept: "application/json" } });
      const tabs = response.ok ? await response.json() : [];
      return tabs.length > 0 ? tabs : [WELCOME];
    } catch {
      return [WELCOME];
    }
  }

  // GraphiQL names a tab after its operation; a different title is added on top, as a comment.
  function asTab({ title, query, variables }) {
    const titled = query.includes(title) ? query : `# ${title.replace(/\s+/g, " ")}\n${query}`;
    return { query: titled, variables: variables || null };
  }

  // A separate namespace, so that tabs do not mix with those of another GraphiQL on the same host and port.
  function browserStorage() {
    const storage = GraphiQL.createLocalStorage({ namespace: `competent:${location.pathname}` });
    try {
      storage.getItem("");
      return storage;
    } catch {
      return forgetfulStorage(); // The browser denies storage to this page.
    }
  }

  function forgetfulStorage() {
    const kept = new Map();
    return {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => kept.set(key, value),
      removeItem: (key) => kept.delete(key),
      clear: () => kept.clear(),
      get length() {
        return kept.size;
      },
    };
  }

  // On a first visit GraphiQL uses the default tabs, but fills its editors from the stored query and variables; without
  // these the first tab would open without its variables.
  function openFirst(tab, storage) {
    if (storage.getItem("graphiql:tabState")) return;
    storage.setItem("graphiql:query", tab.query);
    storage.setItem("graphiql:variables", tab.variables ?? "");
  }

  // An operation in the URL (`?query=…&variables=…`) opens in a tab of its own; the URL is then cleared, so that it opens once.
  function linkedTab() {
    const parameters = new URLSearchParams(location.search);
    const query = parameters.get("query");
    if (!query) return null;
    history.replaceState(null, "", location.pathname);
    return { query, variables: parameters.get("variables") };
  }

  async function mount() {
    const linked = linkedTab();
    const tabs = [...(linked ? [linked] : []), ...(await examples()).map(asTab)];
    const storage = browserStorage();
    openFirst(tabs[0], storage);
    const properties = {
      fetcher,
      storage,
      ...(linked ?? {}),
      defaultTabs: tabs,
      defaultEditorToolsVisibility: tabs.some((tab) => tab.variables),
      inputValueDeprecation: true,
      schemaDescription: true,
    };
    const logo = React.createElement(GraphiQL.Logo, null, "Competent");
    ReactDOM.createRoot(document.getElementById("graphiql")).render(React.createElement(GraphiQL, properties, logo));
  }

  mount();
})();
