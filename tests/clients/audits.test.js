// GraphQL over HTTP checked by all audits of graphql-http, including recommended and optional ones.
import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";
import { startServer } from "./server.js";

const server = startServer();

test("all 61 audits of GraphQL over HTTP pass", async () => {
  const audits = serverAudits({ url: () => server.graphql, fetchFn: fetch });
  const failures = [];
  for (const audit of audits) {
    const result = await audit.fn();
    if (result.status !== "ok") failures.push(`${audit.id} ${audit.name}: ${result.reason}`);
  }
  assert.deepEqual(failures, []);
  assert.equal(audits.length, 61);
});
