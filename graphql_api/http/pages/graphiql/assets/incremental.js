// Reads the multipart response to an operation with `@defer` or `@stream` (incremental delivery v0.2) for GraphiQL. After each
// part it yields the merged result so far.
"use strict";

globalThis.resultsInParts = async function* (response) {
  const result = {};
  const pending = new Map();
  for await (const part of parts(response)) {
    merge(result, pending, part);
    yield structuredClone(result);
    if (!part.hasNext) return;
  }

  function merge(result, pending, part) {
    if ("data" in part) result.data = part.data;
    for (const { id, path } of part.pending ?? []) pending.set(id, path);
    for (const { id, subPath = [], data, items } of part.incremental ?? []) {
      const target = [...pending.get(id), ...subPath].reduce((value, key) => value[key], result.data);
      if (items) target.push(...items);
      else assign(target, data);
    }
    for (const { id } of part.completed ?? []) pending.delete(id);
    const errors = [part, ...(part.incremental ?? []), ...(part.completed ?? [])].flatMap(({ errors }) => errors ?? []);
    if (errors.length) result.errors = [...(result.errors ?? []), ...errors];
    if (part.extensions) result.extensions = { ...result.extensions, ...part.extensions };
  }

  // Two deferred fragments may each deliver some fields of the same object.
  function assign(target, source) {
    for (const [key, value] of Object.entries(source)) {
      const isObject = (item) => item !== null && typeof item === "object" && !Array.isArray(item);
      if (isObject(value) && isObject(target[key])) assign(target[key], value);
      else target[key] = value;
    }
  }

  // Yields the parts of a `multipart/mixed` body as they arrive, without their headers. JSON escapes line breaks in strings,
  // so no part can contain the boundary.
  async function* parts(response) {
    const boundary = /boundary="?([^";]*)/i.exec(response.headers.get("Content-Type"))?.[1] || "-";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let read = "\r\n";
    try {
      while (true) {
        const { value, done } = await reader.read();
        if (done) return;
        const blocks = (read + value).split(`\r\n--${boundary}`);
        read = blocks.pop();
        for (const block of blocks) {
          const begin = block.indexOf("\r\n\r\n");
          if (begin >= 0) yield JSON.parse(block.slice(begin + 4));
        }
      }
    } finally {
      reader.cancel();
    }
  }
};
