// The code blocks of the documentation, by file: a block ```ts src/cache.ts is the file src/cache.ts.
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { ROOT } from "./server.js";

export const MODULES = fileURLToPath(new URL("node_modules", import.meta.url));
const SERVER = "http://127.0.0.1:8000";

/** The files in the code blocks of a page: a map from path to text. */
export async function codeOf(page) {
  const text = await readFile(join(ROOT, page), "utf8");
  return new Map([...text.matchAll(/^```\w+ (\S+\.\w+)\n(.*?)^```$/gms)].map(([, file, code]) => [file, code]));
}

/** Write these files of a page to a new folder, at their paths; they call the server at `url`. */
export async function writeFiles(page, files, { url = SERVER } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "documentation-"));
  await symlink(MODULES, join(folder, "node_modules"));
  const code = await codeOf(page);
  for (const file of files) {
    if (!code.has(file)) throw new Error(`${page} has no ${file}`);
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), code.get(file).replaceAll(SERVER, url).replaceAll(SERVER.replace("http", "ws"), url.replace("http", "ws")));
  }
  return { folder, remove: () => rm(folder, { recursive: true }) };
}

/** Compile TypeScript files in place, without checking types, and import the first. */
export async function importCompiled(folder, ...files) {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, jsx: ts.JsxEmit.ReactJSX };
  const targets = files.map((file) => join(folder, file.replace(/\.tsx?$/, ".mjs")));
  for (const [position, file] of files.entries()) {
    const { outputText } = ts.transpileModule(await readFile(join(folder, file), "utf8"), { compilerOptions });
    await writeFile(targets[position], outputText.replace(/from (['"])(\.[^'"]*)\1/g, "from $1$2.mjs$1"));
  }
  return import(pathToFileURL(targets[0]).href);
}
