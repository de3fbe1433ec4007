// Relay: its compiler with schema.graphql, a refetchable and a paginated fragment, and its runtime with the server.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { writeFiles } from "./documentation.js";
import { ROOT, post, startServer } from "./server.js";

const COMPILER = fileURLToPath(new URL("node_modules/relay-compiler/cli.js", import.meta.url));

const COMPONENT = `
import { graphql } from "relay-runtime";

graphql\`
  query AppQuery($code: String!) {
    occupationalProfile(code: $code) {
      id
      ...App_profile
    }
    skill(code: "SK-3851") {
      ...App_uses
    }
    ...App_profiles
  }
\`;

graphql\`
  fragment App_profile on OccupationalProfile @refetchable(queryName: "AppProfileRefetchQuery") {
    code
    title {
      text
    }
    essentialCompetences {
      id
      code
    }
  }
\`;

graphql\`
  fragment App_profiles on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
  @refetchable(queryName: "AppProfilesPaginationQuery") {
    occupationalProfiles(first: $count, after: $cursor) @connection(key: "App_occupationalProfiles") {
      edges {
        node {
          id
          code
        }
      }
    }
  }
\`;

graphql\`
  fragment App_uses on Skill
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
  @refetchable(queryName: "AppUsesPaginationQuery") {
    usedInOccupationalProfiles(first: $count, after: $cursor) @connection(key: "App_usedInOccupationalProfiles") {
      edges {
        node {
          id
        }
      }
    }
  }
\`;
`;

const folder = await mkdtemp(join(tmpdir(), "relay-"));
after(() => rm(folder, { recursive: true }));
const PERSISTED = join(folder, "persisted.json");
await mkdir(join(folder, "src"));
await writeFile(join(folder, "src/App.js"), COMPONENT);
await writeFile(join(folder, "schema.graphql"), await readFile(`${ROOT}schema.graphql`));
await writeFile(PERSISTED, "{}");
const config = { src: "./src", schema: "./schema.graphql", language: "javascript", persistConfig: { file: "./persisted.json" } };
await writeFile(join(folder, "relay.config.json"), JSON.stringify(config));
await promisify(execFile)(process.execPath, [COMPILER, "relay.config.json"], { cwd: folder });
const server = startServer({ COMPETENT_PERSISTED: PERSISTED, COMPETENT_PERSISTED_MODE: "only" });
const open = startServer();

test("Relay compiles refetchable and paginated fragments, and the server runs the persisted queries by id", async () => {
  const persisted = Object.entries(JSON.parse(await readFile(PERSISTED, "utf8")));
  assert.equal(persisted.length, 4);
  const ask = async (name, variables) => {
    const [documentId] = persisted.find(([, text]) => text.includes(`query ${name}`));
    const response = await post(server.graphql, { documentId, variables });
    const { data, errors } = await response.json();
    assert.equal(errors, undefined);
    return data;
  };
  const app = await ask("AppQuery", { code: "OP-101" });
  assert.equal(app.occupationalProfiles.edges.length, 2);
  const refetched = await ask("AppProfileRefetchQuery", { id: app.occupationalProfile.id });
  assert.equal(refetched.node.code, "OP-101");
  const next = await ask("AppProfilesPaginationQuery", { count: 2, cursor: app.occupationalProfiles.pageInfo.endCursor });
  const codes = [...app.occupationalProfiles.edges, ...next.occupationalProfiles.edges].map(({ node }) => node.code);
  assert.equal(new Set(codes).size, 4);
});

test("the documented code compiles, and its environment fetches two pages", async (t) => {
  const { folder, remove } = await writeFiles("docs/clients.md", ["relay.config.json", "src/environment.js", "src/Occupations.js"], { url: open.url });
  t.after(remove);
  await writeFile(join(folder, "schema.graphql"), await readFile(`${ROOT}schema.graphql`));
  await writeFile(join(folder, "package.json"), '{"type": "module"}');
  await promisify(execFile)(process.execPath, [COMPILER, "relay.config.json"], { cwd: folder });

  const { environment } = await import(join(folder, "src/environment.js"));
  const generated = async (name) => (await import(join(folder, `src/__generated__/${name}.graphql.js`))).default;
  const { fetchQuery } = await import("relay-runtime");
  const first = await fetchQuery(environment, await generated("OccupationsQuery"), { languages: ["FR"] }).toPromise();
  assert.ok(first);
  const list = environment.getStore().getSource().get("client:root:__Occupations_occupationalProfiles_connection");
  const { endCursor } = environment.getStore().getSource().get(list.pageInfo.__ref);
  await fetchQuery(environment, await generated("OccupationsPaginationQuery"), { count: 5, cursor: endCursor, languages: ["FR"] }).toPromise();
  const both = environment.getStore().getSource().get("client:root:__Occupations_occupationalProfiles_connection");
  assert.equal(both.edges.__refs.length, 25);
});
