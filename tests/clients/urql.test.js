// urql: queries, variables, errors, and its exchange for persisted queries.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, cacheExchange, fetchExchange, gql } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { recorder, startServer } from "./server.js";

const server = startServer();
const COMPETENCE = gql`
  query Competence($code: String!) {
    technicalCompetence(code: $code) {
      id
      code
      skill {
        id
        description {
          text(languages: [FR])
        }
      }
    }
  }
`;

function client(network, exchanges = [cacheExchange, fetchExchange], more = {}) {
  return new Client({ url: server.graphql, exchanges, fetch: network.fetch, preferGetMethod: false, ...more });
}

test("a query with variables gets JSON, though urql also accepts event streams", async () => {
  const network = recorder();
  const urql = client(network);
  const result = await urql.query(COMPETENCE, { code: "CP-7" }).toPromise();
  assert.equal(result.error, undefined);
  assert.equal(result.data.technicalCompetence.skill.description.text, "Superviser le recrutement du personnel");
  await urql.query(COMPETENCE, { code: "CP-7" }).toPromise();
  assert.equal(network.calls.length, 1);
});

test("an error has its path and code", async () => {
  const result = await client(recorder()).query(gql`{ occupationalProfile { id } }`, {}).toPromise();
  const errors = result.error.graphQLErrors.map(({ path, extensions }) => [path, extensions.code]);
  assert.deepEqual(errors, [[["occupationalProfile"], "BAD_USER_INPUT"]]);
});

test("persisted queries are sent by hash, and with their text if the hash is unknown", async () => {
  const network = recorder();
  const exchanges = () => [persistedExchange({ preferGetForPersistedQueries: true }), fetchExchange];
  const query = gql`
    query OnlyInUrql($code: String!) {
      softSkills(first: 1) {
        totalCount
      }
      occupationalProfile(code: $code) {
        id
        code
      }
    }
  `;
  for (let times = 0; times < 2; times += 1) {
    const urql = client(network, exchanges(), { preferGetMethod: "within-url-limit" });
    const result = await urql.query(query, { code: "OP-101" }).toPromise();
    assert.equal(result.error, undefined);
    assert.equal(result.data.occupationalProfile.code, "OP-101");
  }
  const texts = network.calls.map(({ url, body }) => url.includes("query=") || String(body ?? "").includes('"query"'));
  assert.deepEqual(texts, [false, true, false]);
});
