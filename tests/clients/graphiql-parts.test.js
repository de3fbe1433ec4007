// GraphiQL's own reader of answers in parts, over the answers of a real server: what it shows at the end is what a query without
// @defer and @stream gives.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { post, ROOT, served } from "./server.js";

const server = served({ COMPETENT_INCREMENTAL: "on" });
const fetcher = await readFile(`${ROOT}graphql_api/http/pages/graphiql/assets/fetcher.js`, "utf-8");
const ACCEPT = /ACCEPT = "(.*)"/.exec(fetcher)[1];
await import(`${ROOT}graphql_api/http/pages/graphiql/assets/incremental.js`);

async function shown(query) {
  const response = await post(server.graphql, { query }, { Accept: ACCEPT });
  if (!response.headers.get("Content-Type").startsWith("multipart/mixed")) return [await response.json()];
  const results = [];
  for await (const result of globalThis.resultsInParts(response)) results.push(result);
  return results;
}

const FIELDS = "essentialCompetences { id code skill { description { nl } } }";
const ALL = `{ occupationalProfile(code: "OP-101", release: "3.10") { id code ${FIELDS} title { nl fr } } }`;

test("fragments that are deferred are filled in", async () => {
  const deferred = `{ occupationalProfile(code: "OP-101", release: "3.10") {
    id ... @defer { code ${FIELDS} } ... @defer(label: "title") { title { nl fr } } } }`;
  const results = await shown(deferred);
  assert.ok(results.length >= 2);
  assert.equal(results[0].data.occupationalProfile.essentialCompetences, undefined);
  assert.deepEqual(results.at(-1), (await shown(ALL))[0]);
});

test("fragments within fragments and one object in two of them are put together", async () => {
  const deferred = `{ occupationalProfile(code: "OP-101", release: "3.10") {
    id ... @defer { code title { nl } ... @defer { ${FIELDS} } } ... @defer { title { fr } } } }`;
  assert.deepEqual((await shown(deferred)).at(-1), (await shown(ALL))[0]);
});

test("an error of a deferred field is among the errors", async () => {
  const results = await shown('{ __typename ... @defer { node(id: "x") { id } } }');
  assert.equal(results.at(-1).errors[0].extensions.code, "BAD_USER_INPUT");
  assert.equal(results.at(-1).data.__typename, "Query");
});

test("what needs no parts is plain JSON as before", async () => {
  assert.deepEqual(await shown("{ __typename }"), [{ data: { __typename: "Query" } }]);
});
