// The GraphiQL page's reader of incremental responses, with responses of a real server: the final result equals that of the query
// without @defer and @stream.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { post, ROOT, startServer } from "./server.js";

const server = startServer({ COMPETENT_INCREMENTAL: "on" });
const fetcher = await readFile(`${ROOT}graphql_api/http/pages/graphiql/assets/fetcher.js`, "utf-8");
const ACCEPT = /ACCEPT = "(.*)"/.exec(fetcher)[1];
await import(`${ROOT}graphql_api/http/pages/graphiql/assets/incremental.js`);

async function resultsOf(query) {
  const response = await post(server.graphql, { query }, { Accept: ACCEPT });
  if (!response.headers.get("Content-Type").startsWith("multipart/mixed")) return [await response.json()];
  const results = [];
  for await (const result of globalThis.resultsInParts(response)) results.push(result);
  return results;
}

const FIELDS = "essentialCompetences { id code skill { description { nl } } }";
const ALL = `{ occupationalProfile(code: "OP-101", release: "3.10") { id code ${FIELDS} title { nl fr } } }`;

test("deferred fragments are merged into the result", async () => {
  const deferred = `{ occupationalProfile(code: "OP-101", release: "3.10") {
    id ... @defer { code ${FIELDS} } ... @defer(label: "title") { title { nl fr } } } }`;
  const results = await resultsOf(deferred);
  assert.ok(results.length >= 2);
  assert.equal(results[0].data.occupationalProfile.essentialCompetences, undefined);
  assert.deepEqual(results.at(-1), (await resultsOf(ALL))[0]);
});

test("nested fragments and an object in two fragments are merged", async () => {
  const deferred = `{ occupationalProfile(code: "OP-101", release: "3.10") {
    id ... @defer { code title { nl } ... @defer { ${FIELDS} } } ... @defer { title { fr } } } }`;
  assert.deepEqual((await resultsOf(deferred)).at(-1), (await resultsOf(ALL))[0]);
});

test("the error of a deferred field is in the result", async () => {
  const results = await resultsOf('{ __typename ... @defer { node(id: "x") { id } } }');
  assert.equal(results.at(-1).errors[0].extensions.code, "BAD_USER_INPUT");
  assert.equal(results.at(-1).data.__typename, "Query");
});

test("a query without deferred parts gets plain JSON", async () => {
  assert.deepEqual(await resultsOf("{ __typename }"), [{ data: { __typename: "Query" } }]);
});
