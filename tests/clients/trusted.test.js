// Trusted documents: the manifest that graphql-codegen writes is all that the server runs, asked for by id.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { generate } from "@graphql-codegen/cli";
import { ROOT, post, served } from "./server.js";

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
const server = served({ COMPETENT_PERSISTED: MANIFEST, COMPETENT_PERSISTED_MODE: "only" });

async function ask(body) {
  const response = await post(server.graphql, body, { Accept: "application/graphql-response+json" });
  return { status: response.status, ...(await response.json()) };
}

test("each query of the manifest is asked for by its id", async () => {
  const all = Object.entries(JSON.parse(await readFile(MANIFEST, "utf8")));
  const documents = all.filter(([, text]) => !text.startsWith("subscription")); // these go on for ever, over other protocols
  assert.ok(documents.length >= 15);
  for (const [documentId, text] of documents) {
    const { data, errors } = await ask({ documentId });
    // Where variables without a default are demanded, the document was found and its variables are missing.
    if (text.match(/\$\w+: \[?\w+!?\]?!(?! =)/)) assert.equal(errors[0].extensions.code, "BAD_USER_INPUT");
    else assert.ok(data && !errors, text);
  }
});

test("any other document is forbidden", async () => {
  const { status, errors } = await ask({ query: "{ releases { id } }" });
  assert.deepEqual([status, errors[0].extensions.code], [403, "FORBIDDEN"]);
});

test("an unknown id is told as one", async () => {
  const { errors } = await ask({ documentId: "nope" });
  assert.equal(errors[0].extensions.code, "PERSISTED_QUERY_NOT_FOUND");
});
