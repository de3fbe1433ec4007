// Apollo Federation: a supergraph of this server and a subgraph of somebody's own, composed and asked through Apollo's gateway.
import assert from "node:assert/strict";
import { test } from "node:test";
import { composeServices } from "@apollo/composition";
import { ApolloGateway, LocalGraphQLDataSource, RemoteGraphQLDataSource } from "@apollo/gateway";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { parse } from "graphql";
import { served } from "./server.js";

const server = served({ COMPETENT_FEDERATION: "on" });
const UUID_OF_CP_7 = "8c15a1bf-9699-43ae-b890-f79ac3e5f461";

const COURSES = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: ["@key"])

  scalar UUID

  type Query {
    courses: [Course!]!
  }

  type Course {
    title: String!
    teaches: TechnicalCompetence
  }

  type TechnicalCompetence @key(fields: "uuid release { number }") {
    uuid: UUID!
    release: Release!
    courses: [Course!]!
  }

  type Release @key(fields: "number") {
    number: String!
  }
`);
const COURSE = { title: "Personeel aanwerven", teaches: { uuid: UUID_OF_CP_7, release: { number: "3.11" } } };
const RESOLVERS = {
  Query: { courses: () => [COURSE] },
  TechnicalCompetence: { courses: ({ uuid }) => (uuid === UUID_OF_CP_7 ? [COURSE] : []) },
};

async function sdl() {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ query: "{ _service { sdl } }" });
  const response = await fetch(server.graphql, { method: "POST", headers, body });
  return (await response.json()).data._service.sdl;
}

async function ask(gateway, query) {
  const { executor } = await gateway;
  const document = parse(query);
  return executor({
    document,
    request: { query, http: undefined },
    operationName: null,
    queryHash: query,
    metrics: {},
    cache: new Map(),
    context: {},
    schema: undefined,
    overallCachePolicy: {},
  });
}

test("a supergraph joins this server with another subgraph, both ways", async (t) => {
  const services = [
    { name: "competent", url: server.graphql, typeDefs: parse(await sdl()) },
    { name: "courses", url: "http://courses.invalid", typeDefs: COURSES },
  ];
  const { supergraphSdl, errors } = composeServices(services);
  assert.deepEqual((errors ?? []).map(String), []);
  const own = buildSubgraphSchema({ typeDefs: COURSES, resolvers: RESOLVERS });
  const gateway = new ApolloGateway({
    supergraphSdl,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    buildService: ({ name, url }) =>
      name === "courses" ? new LocalGraphQLDataSource(own) : new RemoteGraphQLDataSource({ url }),
  });
  t.after(() => gateway.stop());
  const loaded = gateway.load();

  const there = await ask(loaded, "{ courses { title teaches { code skill { description { nl } } } } }");
  assert.equal(there.errors, undefined);
  assert.equal(there.data.courses[0].teaches.code, "CP-7");
  assert.match(there.data.courses[0].teaches.skill.description.nl, /^Toezicht houden/);

  const back = await ask(loaded, '{ technicalCompetence(code: "CP-7") { code courses { title } } }');
  assert.equal(back.errors, undefined);
  const { code, courses } = back.data.technicalCompetence;
  assert.deepEqual([code, courses.map((each) => each.title)], ["CP-7", [COURSE.title]]);
});
