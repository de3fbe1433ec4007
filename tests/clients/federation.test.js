// Apollo Federation: this server and another subgraph, composed into a supergraph and queried through Apollo's gateway.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { composeServices } from "@apollo/composition";
import { ApolloGateway, LocalGraphQLDataSource, RemoteGraphQLDataSource } from "@apollo/gateway";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { parse, print } from "graphql";
import { post, startServer } from "./server.js";

const server = startServer({ COMPETENT_FEDERATION: "on" });
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
  const response = await post(server.graphql, { query: "{ _service { sdl } }" });
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

const NODES = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: ["@key", "@override"])

  interface Node {
    id: ID!
  }

  type Query {
    node(id: ID!): Node @override(from: "competent")
  }

  type Vacancy implements Node @key(fields: "id") {
    id: ID!
    title: String!
  }

  type TechnicalCompetence implements Node @key(fields: "id", resolvable: false) {
    id: ID!
  }
`);
const VACANCY = { __typename: "Vacancy", id: "vacancy-1", title: "Recruiter" };
const FINDS = {
  Query: { node: (_, { id }) => (id === VACANCY.id ? VACANCY : { __typename: fromGlobalId(id).type, id }) },
};

/** Decode an id as graphql-relay does. */
function fromGlobalId(id) {
  const [type, ...rest] = Buffer.from(id, "base64").toString("utf8").split(":");
  return { type, id: rest.join(":") };
}

function gatewayTo(supergraphSdl, name, typeDefs, resolvers) {
  const own = buildSubgraphSchema({ typeDefs, resolvers });
  return new ApolloGateway({
    supergraphSdl,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    buildService: (service) =>
      service.name === name ? new LocalGraphQLDataSource(own) : new RemoteGraphQLDataSource({ url: service.url }),
  });
}

test("a supergraph joins this server and another subgraph in both directions", async (t) => {
  const services = [
    { name: "competent", url: server.graphql, typeDefs: parse(await sdl()) },
    { name: "courses", url: "http://courses.invalid", typeDefs: COURSES },
  ];
  const { supergraphSdl, errors } = composeServices(services);
  assert.deepEqual((errors ?? []).map(String), []);
  const gateway = gatewayTo(supergraphSdl, "courses", COURSES, RESOLVERS);
  t.after(() => gateway.stop());
  const loaded = gateway.load();

  const fromCourses = await ask(loaded, "{ courses { title teaches { code skill { description { nl } } } } }");
  assert.equal(fromCourses.errors, undefined);
  assert.equal(fromCourses.data.courses[0].teaches.code, "CP-7");
  assert.match(fromCourses.data.courses[0].teaches.skill.description.nl, /^Toezicht houden/);

  const toCourses = await ask(loaded, '{ technicalCompetence(code: "CP-7") { code courses { title } } }');
  assert.equal(toCourses.errors, undefined);
  const { code, courses } = toCourses.data.technicalCompetence;
  assert.deepEqual([code, courses.map(({ title }) => title)], ["CP-7", [COURSE.title]]);
});

// The page's vacancy, as VDAB's API has it, with its subgraph and the query to the router.
const PAGE = readFileSync(new URL("../../docs/federation.md", import.meta.url), "utf8");
const block = (info) => PAGE.split(`\`\`\`${info}\n`)[1].split("```")[0];
const TYPE_OF = Object.fromEntries([...PAGE.matchAll(/^\| `(\w+)` \| `(\w+)` \|$/gm)].map(([, type, name]) => [type, name]));

/** A vacancy of the documented subgraph. */
function vacancyOf({ functie, profiel }) {
  return {
    title: functie.omschrijving,
    profile: { code: functie.beroepsprofiel.code },
    requirements: profiel.vereisten.map(({ type, code, label }) => ({
      type,
      label,
      concept: TYPE_OF[type] ? { __typename: TYPE_OF[type], code } : null,
    })),
  };
}

test("a vacancy with codes, as VDAB's API has it, is joined with Competent by the router", async (t) => {
  const json = JSON.parse(block("json vacancy"));
  const vacancies = parse(block("graphql federation vacancy"));
  const services = [
    { name: "competent", url: server.graphql, typeDefs: parse(await sdl()) },
    { name: "vacancies", url: "http://vacancies.invalid", typeDefs: vacancies },
  ];
  const { supergraphSdl, errors } = composeServices(services);
  assert.deepEqual((errors ?? []).map(String), []);
  const gateway = gatewayTo(supergraphSdl, "vacancies", vacancies, { Query: { vacancies: () => [vacancyOf(json)] } });
  t.after(() => gateway.stop());

  const answer = await ask(gateway.load(), block("graphql router"));
  assert.equal(answer.errors, undefined);
  const [{ profile, requirements }] = JSON.parse(JSON.stringify(answer.data.vacancies));
  assert.equal(profile.title.nl, json.functie.beroepsprofiel.label);
  assert.deepEqual(
    requirements.map(({ concept }) => concept && [concept.__typename, concept.code]),
    json.profiel.vereisten.map(({ type, code }) => (TYPE_OF[type] ? [TYPE_OF[type], code] : null)),
  );
  for (const { label, concept } of requirements.filter(({ concept }) => concept?.description)) {
    assert.equal(concept.description.nl, label);
  }
});

test("composition refuses a second `node` field, and @override lets another subgraph resolve ids of both", async (t) => {
  const ours = { name: "competent", url: server.graphql, typeDefs: parse(await sdl()) };
  const compose = (typeDefs) => composeServices([ours, { name: "vacancies", url: "http://vacancies.invalid", typeDefs }]);

  const refused = compose(parse(print(NODES).replace('@override(from: "competent")', "")));
  assert.deepEqual(refused.errors.map(({ extensions }) => extensions.code), ["INVALID_FIELD_SHARING"]);

  const { supergraphSdl, errors } = compose(NODES);
  assert.deepEqual((errors ?? []).map(String), []);
  const gateway = gatewayTo(supergraphSdl, "vacancies", NODES, FINDS);
  t.after(() => gateway.stop());
  const loaded = gateway.load();
  const { data } = await ask(loaded, '{ technicalCompetence(code: "CP-7") { id } }');

  const result = await ask(
    loaded,
    `{ ours: node(id: "${data.technicalCompetence.id}") { ... on TechnicalCompetence { code } }
       theirs: node(id: "${VACANCY.id}") { ... on Vacancy { title } } }`,
  );
  assert.equal(result.errors, undefined);
  assert.deepEqual(JSON.parse(JSON.stringify(result.data)), { ours: { code: "CP-7" }, theirs: { title: "Recruiter" } });
});
