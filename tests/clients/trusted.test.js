// Trusted documents: the server runs only the documents of the manifest by graphql-codegen, requested by id.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { generate } from "@graphql-codegen/cli";
import { ROOT, post, startServer } from "./server.js";

const folder = await mkdtemp(join(tmpdir(), "trusted-"));
after(() => rm(folder, { recursive: true }));
const outputs = await generate(
  {
    schema: `${ROOT}schema.graphql`,
    documents: `${ROOT}graphql_api/http/pages/operations/**/*.graphql`,
    silent: true,
    generates: { [join(folder, "gql/")]: { preset: "client", presetConfig: { persistedDocuments: { hashAlgorithm: "sha256" } } } },
  },
  true,
);
assert.ok(outputs.length > 0);
const MANIFEST = join(folder, "gql/persisted-documents.json");
const server = startServer({ COMPETENT_PERSISTED: MANIFEST, COMPETENT_PERSISTED_MODE: "only" });

async function ask(body) {
  const response = await post(server.graphql, body, { Accept: "application/graphql-response+json" });
  return { status: response.status, ...(await response.json()) };
}

test("every query of the manifest runs by its id", async () => {
  const all = Object.entries(JSON.parse(await readFile(MANIFEST, "utf8")));
  const documents = all.filter(([, text]) => !text.startsWith("subscription")); // these never end, and use other protocols
  assert.ok(documents.length >= 15);
  for (const [documentId, text] of documents) {
    const { data, errors } = await ask({ documentId });
    // A document with mandatory variables was found if the error is about them.
    if (text.match(/\$\w+: \[?\w+!?\]?!(?! =)/)) assert.equal(errors[0].extensions.code, "BAD_USER_INPUT");
    else assert.ok(data && !errors, text);
  }
});

test("any other document is forbidden", async () => {
  const { status, errors } = await ask({ query: "{ releases { id } }" });
  assert.deepEqual([status, errors[0].extensions.code], [403, "FORBIDDEN"]);
});

test("an unknown id is PERSISTED_QUERY_NOT_FOUND", async () => {
  const { errors } = await ask({ documentId: "nope" });
  assert.equal(errors[0].extensions.code, "PERSISTED_QUERY_NOT_FOUND");
});
