// Documents of the Competent API by their path, for one request after the other.
//
// `cached`: documents stay in memory once read, and are returned without a promise.
// Otherwise each request asks upstream, and asks for a path once.
import DataLoader from 'dataloader'
import { Pool } from 'undici'

export function createDocuments(base, { cached, batched }) {
  const pool = new Pool(base, { connections: 40, keepAliveTimeout: 60_000 })
  const memory = cached ? new Map() : null

  async function ask(path) {
    const { statusCode, body } = await pool.request({ path, method: 'GET', headers: { accept: 'application/hal+json' } })
    const document = tidy(await body.json())
    if (statusCode !== 200) throw new Error(`upstream says ${statusCode}`)
    memory?.set(path, document)
    return document
  }

  // What one request reads with: by DataLoader, or by a map of what is under way, which costs less.
  function loader() {
    if (batched) {
      const loading = new DataLoader((paths) => Promise.all(paths.map(ask)))
      return (path) => loading.load(path)
    }
    const loading = new Map()
    return (path) => {
      let found = loading.get(path)
      if (found === undefined) loading.set(path, (found = ask(path)))
      return found
    }
  }

  return () => {
    let load
    return (path) => memory?.get(path) ?? (load ??= loader())(path)
  }
}

// A text that is there in no language is null, as the schema has it: done once, as a document is read.
function tidy(value) {
  if (value === null || typeof value !== 'object') return value
  if ('nl' in value && 'de' in value && !(value.nl || value.fr || value.en || value.de)) return null
  for (const key in value) value[key] = tidy(value[key])
  return value
}
