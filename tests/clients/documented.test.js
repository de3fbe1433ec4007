// Runs the programs in the documentation as a reader does, in every language that is installed.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { writeFiles } from "./documentation.js";
import { startServer } from "./server.js";

const server = startServer();
const NURSE = "Verpleegkundige";

for (const [page, program, file, expected] of [
  ["README.md", process.execPath, "first-query.mjs", NURSE],
  ["docs/clients.md", process.execPath, "occupation.mjs", NURSE],
  ["docs/clients.md", process.execPath, "urql.mjs", NURSE],
  ["docs/clients.md", "java", "Occupation.java", `{"data":{"occupationalProfile":{"title":{"text":"${NURSE}"}}}}`],
  ["docs/clients.md", "php", "occupation.php", NURSE],
]) {
  const skip = spawnSync(program, ["--version"]).error && `${program} is not installed`;
  test(`${file} of ${page} prints the title of an occupation`, { skip }, async (t) => {
    const { folder, remove } = await writeFiles(page, [file], { url: server.url });
    t.after(remove);
    const { stdout, stderr } = await promisify(execFile)(program, [file], { cwd: folder });
    assert.equal(stdout.trim(), expected);
    assert.equal(stderr, "");
  });
}
