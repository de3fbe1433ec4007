// How GraphiQL talks to the endpoint: JSON, results in parts, or an event stream.
"use strict";

globalThis.createFetcher = ({ keyHeader, key, onRun }) => {
  const ENDPOINT = "graphql";
  const ACCEPT = "application/graphql-response+json, application/json;q=0.9, multipart/mixed;incrementalSpec=v0.2;q=0.8";
  const EVENTS = "text/event-stream";
  const KINDS = ["OBJECT", "INTERFACE", "UNION", "ENUM", "INPUT_OBJECT", "SCALAR"];

  return async function fetcher(operation, { headers, documentAST } = {}) {
    const introspects = operation.operationName === "IntrospectionQuery";
    if (!introspects) onRun();
    const accept = isSubscription(operation, documentAST) ? EVENTS : ACCEPT;
    const sent = new Headers({ "Content-Type": "application/json", Accept: accept });
    if (keyHeader && key()) sent.set(keyHeader, key());
    for (const [name, value] of Object.entries(headers ?? {})) sent.set(name, value);
    const response = await fetch(ENDPOINT, { method: "POST", headers: sent, body: JSON.stringify(withValidName(operation)) });
    const type = response.headers.get("Content-Type") ?? "nothing";
    if (type.includes("json")) return introspects ? sorted(withHint(await response.json())) : withHint(await response.json());
    if (type.startsWith("multipart/mixed")) return resultsInParts(response);
    if (type.includes(EVENTS)) return events(response.body.pipeThrough(new TextDecoderStream()).getReader());
    return { errors: [{ message: `The server answered with status ${response.status} and ${type}, not with JSON.` }] };
  };

  // Visitors without a key need to know where to enter it in this page.
  function withHint(result) {
    for (const error of result?.errors ?? []) {
      if (error.extensions?.code === "UNAUTHENTICATED") error.message += ' In GraphiQL: enter it in the field "Key" at the top.';
    }
    return result;
  }

  // The order of the documentation: concepts, other objects, connections, then other kinds; sorted by name within a group.
  function sorted(result) {
    const rank = ({ kind, name, interfaces }) => {
      const isConcept = interfaces?.some((type) => type.name === "Concept");
      const isPaging = /(Connection|Edge|PageInfo)$/.test(name);
      return kind === "OBJECT" && !isConcept ? 0.3 + isPaging : KINDS.indexOf(kind) + (kind !== "OBJECT");
    };
    result?.data?.__schema?.types.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
    return result;
  }

  // Right after switching tabs, GraphiQL still sends the operation name of the previous tab.
  function withValidName({ operationName, ...operation }) {
    const isDefined = operationName && new RegExp(`\\b${operationName}\\b`).test(operation.query);
    return isDefined ? { ...operation, operationName } : operation;
  }

  function isSubscription({ operationName }, documentAST) {
    const operations = (documentAST?.definitions ?? []).filter((definition) => definition.kind === "OperationDefinition");
    const run = operations.find(({ name }) => name?.value === operationName) ?? operations[0];
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
};
