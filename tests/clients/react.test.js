// The React page of docs/clients.md: its types are generated, it compiles strictly, and it shows an occupation.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { buildSchema, isScalarType, isSpecifiedScalarType } from "graphql";
import { importCompiled, MODULES, writeFiles } from "./documentation.js";
import { ROOT, startServer } from "./server.js";

const server = startServer();
const FILES = ["codegen.ts", "src/Occupation.tsx", "src/App.tsx", "src/cache.ts"];
// The options of Vite's template react-ts, on which the page builds.
const STRICT = ["--noEmit", "--strict", "--skipLibCheck", "--verbatimModuleSyntax", "--erasableSyntaxOnly", "--noUnusedLocals", "--noUnusedParameters"];
const BUNDLER = ["--module", "esnext", "--moduleResolution", "bundler", "--target", "es2023", "--jsx", "react-jsx", "--lib", "es2023,dom"];
const RENDER = `
import { ApolloClient, HttpLink } from "@apollo/client";
import { ApolloProvider } from "@apollo/client/react";
import { createElement, Suspense } from "react";
import { prerenderToNodeStream } from "react-dom/static";
import { text } from "node:stream/consumers";
import App from "./App";
import { cache } from "./cache";
import { Occupation } from "./Occupation";

export async function render(uri: string, props: Parameters<typeof Occupation>[0]) {
  const client = new ApolloClient({ cache, link: new HttpLink({ uri }) });
  const page = createElement(Suspense, null, createElement(Occupation, props));
  return text((await prerenderToNodeStream(createElement(ApolloProvider, { client, children: page }))).prelude);
}

export const renderApp = async () => text((await prerenderToNodeStream(createElement(App))).prelude);
`;
const run = (program, options, folder) => promisify(execFile)(process.execPath, [join(MODULES, program), ...options], { cwd: folder });

test("the documented React page compiles strictly and shows an occupation in two languages", async (t) => {
  const { folder, remove } = await writeFiles("docs/clients.md", FILES, { url: server.url });
  t.after(remove);
  await run("@graphql-codegen/cli/esm/bin.js", ["--config", "codegen.ts"], folder);
  await run("typescript/bin/tsc", [...STRICT, ...BUNDLER, "src/App.tsx"], folder);

  await writeFile(join(folder, "src/gql.ts"), 'export * from "./gql/gql";\n'); // Node imports files, not folders
  await writeFile(join(folder, "src/render.ts"), RENDER);
  const files = ["src/render.ts", "src/App.tsx", "src/cache.ts", "src/Occupation.tsx", "src/gql.ts", "src/gql/gql.ts", "src/gql/graphql.ts"];
  const { render, renderApp } = await importCompiled(folder, ...files);
  const pages = [];
  for (const language of ["NL", "FR"]) pages.push(await render(server.graphql, { code: "OP-101", language }));
  assert.match(pages[0], /<h1>Verpleegkundige<\/h1>.*<li>Wonden verzorgen<\/li>/);
  assert.match(pages[1], /<h1>Infirmier \/ Infirmière<\/h1>/);
  assert.match(await renderApp(), /<button>NL<\/button>.*<h1>Verpleegkundige<\/h1>/);
  assert.match(await render(server.graphql, { code: "OP-0", language: "NL" }), /no occupation/);
});

test("documented configurations have every custom scalar", async () => {
  const types = Object.values(buildSchema(await readFile(`${ROOT}schema.graphql`, "utf8")).getTypeMap());
  const scalars = types.filter((type) => isScalarType(type) && !isSpecifiedScalarType(type)).map((type) => type.name).sort();
  const { folder, remove } = await writeFiles("docs/clients.md", ["codegen.ts", "pyproject.toml"]);
  const { default: config } = await importCompiled(folder, "codegen.ts");
  const ariadne = [...(await readFile(join(folder, "pyproject.toml"), "utf8")).matchAll(/scalars\.(\w+)\]/g)].map(([, name]) => name);
  await remove();
  assert.deepEqual(Object.keys(config.generates["src/gql/"].config.scalars).sort(), scalars);
  assert.deepEqual(ariadne.sort(), scalars);
});
