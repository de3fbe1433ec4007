// graphql-request: one function, an answer or an error.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientError, GraphQLClient, gql } from "graphql-request";
import { served } from "./server.js";

const server = served();
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

test("an answer is its data, in the language that the client accepts", async () => {
  const client = new GraphQLClient(server.graphql, { headers: { "Accept-Language": "fr" } });
  const data = await client.request(SEARCH, { text: "verpleegkundige" });
  assert.equal(data.search.nodes[0].title.text, "Infirmier / Infirmière");
});

test("errors are thrown with their codes", async () => {
  const client = new GraphQLClient(server.graphql);
  await assert.rejects(client.request(SEARCH, { text: "" }), (error) => {
    assert.ok(error instanceof ClientError);
    assert.deepEqual(error.response.errors.map((each) => each.extensions.code), ["BAD_USER_INPUT"]);
    return true;
  });
});

test("a query by GET is the same", async () => {
  const client = new GraphQLClient(server.graphql, { method: "GET" });
  const data = await client.request(SEARCH, { text: "verpleegkundige" });
  assert.equal(data.search.nodes.length, 1);
});
