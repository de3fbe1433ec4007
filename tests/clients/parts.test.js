// Incremental delivery: Apollo Client 4 shows the initial result, then the deferred fields.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client/core";
import { Defer20220824Handler, GraphQL17Alpha9Handler } from "@apollo/client/incremental";
import { startServer } from "./server.js";

const server = startServer({ COMPETENT_INCREMENTAL: "on" });
const DEFERRED = gql`
  query Deferred {
    occupationalProfile(code: "OP-101", release: "3.10") {
      id
      code
      ... @defer(label: "competences") {
        essentialCompetences {
          id
          code
        }
      }
    }
  }
`;

function client(incrementalHandler) {
  return new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: server.graphql }), incrementalHandler });
}

test("deferred fields arrive after the initial result", async () => {
  const seen = [];
  await new Promise((resolve, reject) => {
    const watching = client(new GraphQL17Alpha9Handler()).watchQuery({ query: DEFERRED });
    watching.subscribe({
      next: (result) => {
        if (!result.data) return;
        seen.push(result.data.occupationalProfile);
        if (result.dataState === "complete") resolve();
      },
      error: reject,
    });
  });
  assert.ok(seen.length >= 2);
  assert.equal(seen[0].code, "OP-101");
  assert.equal(seen[0].essentialCompetences, undefined);
  assert.ok(seen.at(-1).essentialCompetences.length > 0);
});

test("a client of the older format gets an error", async () => {
  await assert.rejects(client(new Defer20220824Handler()).query({ query: DEFERRED }), (error) => {
    assert.equal(error.errors[0].extensions.code, "BAD_REQUEST");
    assert.match(error.message, /multipart\/mixed;incrementalSpec=v0\.2/);
    return true;
  });
});
