// graphql-codegen's client preset for operations/, and the TypeScript compiler for its output.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { generate } from "@graphql-codegen/cli";
import { ROOT } from "./server.js";

const MODULES = fileURLToPath(new URL("node_modules", import.meta.url));
const USE = `
import type { ResultOf, VariablesOf } from "@graphql-typed-document-node/core";
import { ProfileInDepthDocument } from "./gql/graphql";

type Profile = NonNullable<ResultOf<typeof ProfileInDepthDocument>["occupationalProfile"]>;
export const code = (profile: Profile): string | null | undefined => profile.code;
export const variables: VariablesOf<typeof ProfileInDepthDocument> = { code: "OP-101" };
// @ts-expect-error there is no such variable
export const wrong: VariablesOf<typeof ProfileInDepthDocument> = { codes: "OP-101" };
`;

test("typed documents of all operations compile strictly and give a manifest of trusted documents", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "codegen-"));
  t.after(() => rm(folder, { recursive: true }));
  await symlink(MODULES, join(folder, "node_modules"));
  await generate(
    {
      schema: `${ROOT}schema.graphql`,
      documents: `${ROOT}graphql_api/http/pages/operations/**/*.graphql`,
      silent: true,
      generates: {
        [join(folder, "gql/")]: {
          preset: "client",
          presetConfig: { persistedDocuments: { hashAlgorithm: "sha256" } },
          config: { useTypeImports: true, scalars: { UUID: "string", DateTime: "string", Date: "string" } },
        },
      },
    },
    true,
  );
  const operation = await readFile(`${ROOT}graphql_api/http/pages/operations/lookup/01-profile-in-depth.graphql`, "utf8");
  const name = operation.match(/query (\w+)/)[1];
  const variable = operation.match(/\$(\w+)/)[1];
  await writeFile(join(folder, "use.ts"), USE.replaceAll("ProfileInDepth", name).replace('{ code: "OP-101" }', `{ ${variable}: "OP-101" }`));
  const compiler = join(MODULES, "typescript/bin/tsc");
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--moduleResolution", "bundler", "--module", "esnext", "--target", "es2022", "use.ts"];
  await promisify(execFile)(process.execPath, [compiler, ...options], { cwd: folder });

  const manifest = JSON.parse(await readFile(join(folder, "gql/persisted-documents.json"), "utf8"));
  assert.ok(Object.keys(manifest).length >= 15);
  for (const [hash, text] of Object.entries(manifest)) {
    assert.equal(`sha256:${createHash("sha256").update(text).digest("hex")}`, hash);
  }
});
