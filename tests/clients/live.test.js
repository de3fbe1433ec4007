// graphql-ws and graphql-sse: queries, errors with codes, and the start and end of a subscription, over a real server.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { buildSchema } from "graphql";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import { useServer } from "graphql-ws/use/ws";
import WebSocket, { WebSocketServer } from "ws";
import { writeFiles } from "./documentation.js";
import { ROOT, startServer } from "./server.js";

const server = startServer({ COMPETENT_INDEX: "off" });
const QUERY = "query ($code: String!) { technicalCompetence(code: $code) { code } }";
const NEWS = "subscription { releasePublished { number } }";

const clients = {
  "graphql-ws": () => createWsClient({ url: server.graphql.replace("http", "ws"), retryAttempts: 0, webSocketImpl: WebSocket }),
  "graphql-sse": () => createSseClient({ url: server.graphql, retryAttempts: 0 }),
};

for (const [name, create] of Object.entries(clients)) {
  test(`${name}: a query gets one result and completes`, async () => {
    const client = create();
    const results = [];
    for await (const result of client.iterate({ query: QUERY, variables: { code: "CP-7" } })) results.push(result);
    client.dispose();

    assert.deepEqual(results, [{ data: { technicalCompetence: { code: "CP-7" } } }]);
  });

  test(`${name}: an invalid operation is an error with its code`, async () => {
    const client = create();
    const result = await new Promise((resolve) => {
      client.subscribe({ query: "{ nothing }" }, { next: resolve, error: resolve, complete: () => {} });
    });
    client.dispose();

    const errors = Array.isArray(result) ? result : result.errors;
    assert.equal(errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
  });

  test(`${name}: a subscription stays open until the client ends it`, async () => {
    const client = create();
    let events = 0;
    const ended = new Promise((resolve, reject) => {
      const end = client.subscribe({ query: NEWS }, { next: () => (events += 1), error: reject, complete: resolve });
      (async () => {
        for await (const result of create().iterate({ query: QUERY, variables: { code: "CP-7" } })) assert.ok(result.data);
        end();
      })();
    });
    await ended;
    client.dispose();

    assert.equal(events, 0);
  });
}

test("the documented program prints the number of a published release", async (t) => {
  const schema = buildSchema(await readFile(`${ROOT}schema.graphql`, "utf8"));
  const sockets = new WebSocketServer({ port: 0, path: "/graphql" });
  const publishing = useServer({ schema, roots: { subscription: { releasePublished: publish } } }, sockets);
  t.after(() => publishing.dispose());
  await once(sockets, "listening");
  const url = `http://127.0.0.1:${sockets.address().port}`;
  const { folder, remove } = await writeFiles("docs/subscriptions.md", ["subscription.mjs"], { url });
  t.after(remove);

  const browser = 'import WebSocket from "ws"; globalThis.WebSocket = WebSocket;'; // browsers and newer Nodes have it
  await writeFile(join(folder, "browser.mjs"), browser);
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "./browser.mjs", "subscription.mjs"], { cwd: folder });
  assert.equal(stdout, "3.12\n");
});

async function* publish() {
  yield { releasePublished: { number: "3.12" } };
}
