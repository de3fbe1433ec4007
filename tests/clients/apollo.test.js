// Apollo Client 4: queries, the normalised cache over two releases, automatic persisted queries by GET, pages, errors.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from "@apollo/client/core";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { relayStylePagination } from "@apollo/client/utilities";
import { recorder, served } from "./server.js";

const server = served();
const PROFILE = gql`
  query Profile($code: String!, $release: String! = "current") {
    occupationalProfile(code: $code, release: $release) {
      id
      code
      title {
        nl
      }
      release {
        id
        number
      }
      essentialCompetences {
        id
        code
      }
    }
  }
`;

function client({ link, cache = new InMemoryCache(), fetch = globalThis.fetch } = {}) {
  return new ApolloClient({ cache, link: link ?? new HttpLink({ uri: server.graphql, fetch }) });
}

test("a query is answered, and asked again it comes from the cache", async () => {
  const network = recorder();
  const apollo = client({ fetch: network.fetch });
  const variables = { code: "OP-101" };
  const first = await apollo.query({ query: PROFILE, variables });
  const second = await apollo.query({ query: PROFILE, variables });
  assert.equal(first.data.occupationalProfile.code, "OP-101");
  assert.deepEqual(second.data, first.data);
  assert.equal(network.calls.length, 1);
});

test("the cache never mixes two releases", async () => {
  const apollo = client();
  const answers = [];
  for (const release of ["3.11", "3.10"]) {
    const { data } = await apollo.query({ query: PROFILE, variables: { code: "OP-101", release } });
    answers.push(data.occupationalProfile);
  }
  assert.deepEqual(answers.map((each) => each.release.number), ["3.11", "3.10"]);
  assert.notEqual(answers[0].id, answers[1].id);
  const kept = Object.keys(apollo.extract()).filter((key) => key.startsWith("OccupationalProfile:"));
  assert.equal(kept.length, 2);
});

test("`current` and its number are one thing in the cache", async () => {
  const apollo = client();
  for (const release of ["current", "3.11"]) {
    await apollo.query({ query: PROFILE, variables: { code: "OP-101", release } });
  }
  const kept = Object.keys(apollo.extract()).filter((key) => key.startsWith("OccupationalProfile:"));
  assert.equal(kept.length, 1);
});

test("automatic persisted queries go by GET: the hash first, the text once, then the hash alone", async () => {
  const network = recorder();
  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  const make = () =>
    client({
      link: new PersistedQueryLink({ sha256, useGETForHashedQueries: true }).concat(
        new HttpLink({ uri: server.graphql, fetch: network.fetch, useGETForQueries: true }),
      ),
    });
  const query = gql`
    query OnlyHere {
      occupationalProfile(code: "OP-101") {
        id
        code
      }
    }
  `;
  for (const apollo of [make(), make()]) {
    const { data } = await apollo.query({ query });
    assert.equal(data.occupationalProfile.code, "OP-101");
  }
  assert.deepEqual(network.calls.map((each) => each.url.includes("query=")), [false, true, false]);
  assert.ok(network.calls.every((each) => each.method === "GET"));
});

test("pages are put together by Apollo's own relayStylePagination", async () => {
  const cache = new InMemoryCache({
    typePolicies: { Query: { fields: { occupationalProfiles: relayStylePagination(["release"]) } } },
  });
  const apollo = client({ cache });
  const query = gql`
    query Profiles($after: String) {
      occupationalProfiles(first: 2, after: $after) {
        edges {
          cursor
          node {
            id
            code
          }
        }
        pageInfo {
          hasNextPage
          endCursor
          hasPreviousPage
          startCursor
        }
      }
    }
  `;
  const watched = apollo.watchQuery({ query });
  const subscription = watched.subscribe({});
  const first = await apollo.query({ query });
  await watched.fetchMore({ variables: { after: first.data.occupationalProfiles.pageInfo.endCursor } });
  const merged = apollo.readQuery({ query });
  subscription.unsubscribe();
  const codes = merged.occupationalProfiles.edges.map((each) => each.node.code);
  assert.equal(codes.length, 4);
  assert.equal(new Set(codes).size, 4);
});

test("an error comes with its code, beside the data that there is", async () => {
  const apollo = client();
  const query = gql`
    {
      wrong: occupationalProfile {
        id
      }
      right: occupationalProfile(code: "OP-101") {
        id
        code
      }
    }
  `;
  const { data, error } = await apollo.query({ query, errorPolicy: "all" });
  assert.ok(CombinedGraphQLErrors.is(error));
  assert.deepEqual(error.errors.map((each) => [each.path, each.extensions.code]), [[["wrong"], "BAD_USER_INPUT"]]);
  assert.equal(data.wrong, null);
  assert.equal(data.right.code, "OP-101");
});

test("a query that does not fit the schema is an error with a code, and not a broken answer", async () => {
  await assert.rejects(client().query({ query: gql`{ nothing }` }), (error) => {
    const codes = CombinedGraphQLErrors.is(error) ? error.errors.map((each) => each.extensions.code) : [String(error)];
    assert.deepEqual(codes, ["GRAPHQL_VALIDATION_FAILED"]);
    return true;
  });
});
