// GraphQL over HTTP as the audits of graphql-http see it: all of them, the recommended and the optional ones too.
import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";
import { served } from "./server.js";

const server = served();

test("all 61 audits of GraphQL over HTTP are passed", async () => {
  const audits = serverAudits({ url: () => server.graphql, fetchFn: fetch });
  const missed = [];
  for (const audit of audits) {
    const result = await audit.fn();
    if (result.status !== "ok") missed.push(`${audit.id} ${audit.name}: ${result.reason}`);
  }
  assert.deepEqual(missed, []);
  assert.equal(audits.length, 61);
});
