// graphql-ws and graphql-sse: queries, errors with codes, a subscription that begins and is ended, over a real server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import WebSocket from "ws";
import { served } from "./server.js";

const server = served({ COMPETENT_INDEX: "off" });
const QUERY = "query ($code: String!) { technicalCompetence(code: $code) { code } }";
const NEWS = "subscription { releasePublished { number } }";

const clients = {
  "graphql-ws": () => createWsClient({ url: server.graphql.replace("http", "ws"), retryAttempts: 0, webSocketImpl: WebSocket }),
  "graphql-sse": () => createSseClient({ url: server.graphql, retryAttempts: 0 }),
};

for (const [name, create] of Object.entries(clients)) {
  test(`${name}: a query is answered once, and completed`, async () => {
    const client = create();
    const results = [];
    for await (const result of client.iterate({ query: QUERY, variables: { code: "CP-7" } })) results.push(result);
    client.dispose();

    assert.deepEqual(results, [{ data: { technicalCompetence: { code: "CP-7" } } }]);
  });

  test(`${name}: an operation that cannot be run says why, with its code`, async () => {
    const client = create();
    const told = await new Promise((resolve) => {
      client.subscribe({ query: "{ nothing }" }, { next: resolve, error: resolve, complete: () => {} });
    });
    client.dispose();

    const errors = Array.isArray(told) ? told : told.errors;
    assert.equal(errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
  });

  test(`${name}: a subscription stays open until the client ends it`, async () => {
    const client = create();
    let said = 0;
    const ended = new Promise((resolve, reject) => {
      const end = client.subscribe({ query: NEWS }, { next: () => (said += 1), error: reject, complete: resolve });
      (async () => {
        for await (const result of create().iterate({ query: QUERY, variables: { code: "CP-7" } })) assert.ok(result.data);
        end();
      })();
    });
    await ended;
    client.dispose();

    assert.equal(said, 0);
  });
}
