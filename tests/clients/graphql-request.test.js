// graphql-request: one function that returns data or throws an error.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientError, GraphQLClient, gql } from "graphql-request";
import { startServer } from "./server.js";

const server = startServer();
const SEARCH = gql`
  query Search($text: String!) {
    search(text: $text, first: 1) {
      nodes {
        id
        ... on OccupationalProfile {
          title {
            text
          }
        }
      }
    }
  }
`;

test("a request returns the data in the accepted language", async () => {
  const client = new GraphQLClient(server.graphql, { headers: { "Accept-Language": "fr" } });
  const data = await client.request(SEARCH, { text: "verpleegkundige" });
  assert.equal(data.search.nodes[0].title.text, "Infirmier / Infirmière");
});

test("errors are thrown with their codes", async () => {
  const client = new GraphQLClient(server.graphql);
  await assert.rejects(client.request(SEARCH, { text: "" }), (error) => {
    assert.ok(error instanceof ClientError);
    assert.deepEqual(error.response.errors.map(({ extensions }) => extensions.code), ["BAD_USER_INPUT"]);
    return true;
  });
});

test("a query runs by GET", async () => {
  const client = new GraphQLClient(server.graphql, { method: "GET" });
  const data = await client.request(SEARCH, { text: "verpleegkundige" });
  assert.equal(data.search.nodes.length, 1);
});
