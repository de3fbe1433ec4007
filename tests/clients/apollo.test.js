// Apollo Client 4: queries, the normalised cache over two releases, automatic persisted queries by GET, pages, errors.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from "@apollo/client/core";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { buildSchema, isAbstractType, isInterfaceType } from "graphql";
import { importCompiled, writeFiles } from "./documentation.js";
import { recorder, ROOT, startServer } from "./server.js";

const server = startServer();
const schema = buildSchema(await readFile(`${ROOT}schema.graphql`, "utf8"));
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

test("a repeated query is served from the cache", async () => {
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
  const profiles = [];
  for (const release of ["3.11", "3.10"]) {
    const { data } = await apollo.query({ query: PROFILE, variables: { code: "OP-101", release } });
    profiles.push(data.occupationalProfile);
  }
  assert.deepEqual(profiles.map(({ release }) => release.number), ["3.11", "3.10"]);
  assert.notEqual(profiles[0].id, profiles[1].id);
  const entries = Object.keys(apollo.extract()).filter((key) => key.startsWith("OccupationalProfile:"));
  assert.equal(entries.length, 2);
});

test("`current` and its number share one cache entry", async () => {
  const apollo = client();
  for (const release of ["current", "3.11"]) {
    await apollo.query({ query: PROFILE, variables: { code: "OP-101", release } });
  }
  const entries = Object.keys(apollo.extract()).filter((key) => key.startsWith("OccupationalProfile:"));
  assert.equal(entries.length, 1);
});

test("automatic persisted queries go by GET: the hash first, the text once, then only the hash", async () => {
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
  assert.deepEqual(network.calls.map(({ url }) => url.includes("query=")), [false, true, false]);
  assert.ok(network.calls.every(({ method }) => method === "GET"));
});

const page = await writeFiles("docs/clients.md", ["src/cache.ts"]);
const { cache: documented } = await importCompiled(page.folder, "src/cache.ts");
await page.remove();

test("the documented cache merges pages by `edges` only", async () => {
  const apollo = client({ cache: documented });
  const query = gql`
    query Profiles($after: String) {
      occupationalProfiles(first: 2, after: $after) {
        nodes { id }
        edges { cursor node { id code } }
        pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
      }
    }
  `;
  const watched = apollo.watchQuery({ query });
  const subscription = watched.subscribe({});
  const first = await apollo.query({ query });
  await watched.fetchMore({ variables: { after: first.data.occupationalProfiles.pageInfo.endCursor } });
  const merged = apollo.readQuery({ query });
  subscription.unsubscribe();
  const codes = merged.occupationalProfiles.edges.map(({ node }) => node.code);
  assert.equal(codes.length, 4);
  assert.equal(new Set(codes).size, 4);
  assert.equal(merged.occupationalProfiles.nodes.length, 2);
});

test("the documented cache has the key arguments of every connection in the schema", () => {
  const paging = ["first", "after", "last", "before"];
  const connections = Object.values(schema.getTypeMap())
    .filter((type) => type.getFields && !isInterfaceType(type))
    .flatMap((type) => Object.values(type.getFields()).map((field) => ({ typename: type.name, field })))
    .filter(({ field }) => String(field.type).replace("!", "").endsWith("Connection"));
  assert.ok(connections.length >= 30);
  for (const { typename, field } of connections) {
    const apart = field.args.map((argument) => argument.name).filter((name) => !paging.includes(name));
    const name = (args) => documented.policies.getStoreFieldName({ typename, fieldName: field.name, args });
    const list = Object.fromEntries(apart.map((argument) => [argument, "a"]));
    assert.equal(name({ ...list, first: 1, after: "x" }), name({ ...list, first: 2 }), `${typename}.${field.name}: one list`);
    for (const argument of apart) {
      assert.notEqual(name({ ...list, [argument]: "b" }), name(list), `${typename}.${field.name}: another ${argument}`);
    }
  }
});

test("the documented cache lists all possible types of its interfaces", () => {
  const { possibleTypes } = documented.config;
  assert.ok(Object.keys(possibleTypes).length >= 2);
  for (const [name, types] of Object.entries(possibleTypes)) {
    assert.ok(isAbstractType(schema.getType(name)), name);
    assert.deepEqual([...types].sort(), schema.getPossibleTypes(schema.getType(name)).map((type) => type.name).sort());
  }
});

const TITLE = gql`
  query Title($languages: [Language!]) {
    occupationalProfile(code: "OP-101") {
      id
      title {
        text(languages: $languages)
      }
    }
  }
`;

test("after a switch to French, a text without `languages` stays Dutch in the cache", async () => {
  const language = { current: "nl" };
  const network = recorder();
  const fetch = (uri, init) => network.fetch(uri, { ...init, headers: { ...init.headers, "Accept-Language": language.current } });
  const apollo = client({ fetch });
  const titles = [];
  for (language.current of ["nl", "fr", "nl"]) {
    const { data } = await apollo.query({ query: TITLE });
    titles.push(data.occupationalProfile.title.text);
  }
  assert.deepEqual(titles, ["Verpleegkundige", "Verpleegkundige", "Verpleegkundige"]);
  assert.equal(network.calls.length, 1);
});

for (const [cache, calls] of [[documented, 2], [new InMemoryCache(), 3]]) {
  const which = cache === documented ? "the documented cache" : "a cache without `merge`";
  test(`with the variable \`languages\`, ${which} needs ${calls} calls for Dutch, French and Dutch`, async () => {
    const network = recorder();
    const apollo = client({ cache, fetch: network.fetch });
    const titles = [];
    for (const language of ["NL", "FR", "NL"]) {
      const { data } = await apollo.query({ query: TITLE, variables: { languages: [language] } });
      titles.push(data.occupationalProfile.title.text);
    }
    assert.deepEqual(titles, ["Verpleegkundige", "Infirmier / Infirmière", "Verpleegkundige"]);
    assert.equal(network.calls.length, calls);
  });
}

test("a field error has its code and partial data is returned", async () => {
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
  assert.deepEqual(error.errors.map(({ path, extensions }) => [path, extensions.code]), [[["wrong"], "BAD_USER_INPUT"]]);
  assert.equal(data.wrong, null);
  assert.equal(data.right.code, "OP-101");
});

test("an invalid query is a GraphQL error with a code", async () => {
  await assert.rejects(client().query({ query: gql`{ nothing }` }), (error) => {
    const codes = CombinedGraphQLErrors.is(error) ? error.errors.map(({ extensions }) => extensions.code) : [String(error)];
    assert.deepEqual(codes, ["GRAPHQL_VALIDATION_FAILED"]);
    return true;
  });
});
