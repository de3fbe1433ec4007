// A real server in a process of its own, on a free port, over the bundled data; ended when the tests of a file are over.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAM = process.env.COMPETENT_GRAPHQL ?? `${ROOT}.venv/bin/competent-graphql`;

/** Start before the tests of this file; `url` is known once they run. */
export function served(environment = {}) {
  const server = { url: "", graphql: "" };
  let child;
  before(async () => {
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("COMPETENT_")));
    const policy = process.env.STATUS_POLICY ? { COMPETENT_STATUS_POLICY: process.env.STATUS_POLICY } : {};
    child = spawn(PROGRAM, ["serve", "--port", "0"], { env: { ...clean, ...policy, ...environment }, stdio: ["ignore", "pipe", "inherit"] });
    server.url = await announced(child);
    server.graphql = `${server.url}/graphql`;
    await ready(server.url);
  });
  after(async () => {
    child?.kill("SIGTERM");
    if (child && child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  return server;
}

function announced(child) {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (chunk) => {
      said += chunk;
      const found = said.match(/http:\/\/[^/ ]+(?=\/graphiql)/);
      if (found) resolve(found[0]);
    });
    child.on("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
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
  throw new Error("the server does not answer");
}

/** The response to a body that is sent as JSON. */
export function post(url, body, headers = {}) {
  return fetch(url, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });
}

/** A fetch that keeps what was asked and answered. */
export function recorder() {
  const calls = [];
  const recording = async (input, init) => {
    const response = await fetch(input, init);
    calls.push({ url: String(input), method: init?.method ?? "GET", body: init?.body });
    return response;
  };
  return { calls, fetch: recording };
}
