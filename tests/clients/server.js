// A real server in a separate process, on a free port, with the bundled data; stopped after the tests of a file.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAM = process.env.COMPETENT_GRAPHQL ?? `${ROOT}.venv/bin/competent-graphql`;

/** Start a server before the tests of this file; `url` is set when they run. */
export function startServer(environment = {}) {
  const server = { url: "", graphql: "" };
  let child;
  before(async () => {
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("COMPETENT_")));
    const policy = process.env.STATUS_POLICY ? { COMPETENT_STATUS_POLICY: process.env.STATUS_POLICY } : {};
    child = spawn(PROGRAM, ["serve", "--port", "0"], { env: { ...clean, ...policy, ...environment }, stdio: ["ignore", "pipe", "inherit"] });
    server.url = await announcedUrl(child);
    server.graphql = `${server.url}/graphql`;
    await ready(server.url);
  });
  after(async () => {
    child?.kill("SIGTERM");
    if (child && child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  return server;
}

function announcedUrl(child) {
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
      const match = output.match(/http:\/\/[^/ ]+(?=\/graphiql)/);
      if (match) resolve(match[0]);
    });
    child.on("exit", (code) => reject(new Error(`the server ended with ${code}: ${output}`)));
  });
}

async function ready(url) {
  for (let tries = 0; tries < 600; tries += 1) {
    try {
      if ((await fetch(`${url}/health/live`)).ok) return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error("the server does not respond");
}

/** The response to a body that is sent as JSON. */
export function post(url, body, headers = {}) {
  return fetch(url, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });
}

/** A fetch that records its requests. */
export function recorder() {
  const calls = [];
  const recording = async (input, init) => {
    const response = await fetch(input, init);
    calls.push({ url: String(input), method: init?.method ?? "GET", body: init?.body });
    return response;
  };
  return { calls, fetch: recording };
}
