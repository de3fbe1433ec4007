// Documents of the Competent API by their path, for one request after the other.
//
// `cached`: documents stay in memory once read, and are returned without a promise.
// Otherwise each request fetches from upstream, each path once.
import DataLoader from 'dataloader'
import { Pool } from 'undici'

export function createDocuments(base, { cached, batched }) {
  const pool = new Pool(base, { connections: 40, keepAliveTimeout: 60_000 })
  const memory = cached ? new Map() : null

  async function fetchDocument(path) {
    const { statusCode, body } = await pool.request({ path, method: 'GET', headers: { accept: 'application/hal+json' } })
    const document = normalise(await body.json())
    if (statusCode !== 200) throw new Error(`upstream responded ${statusCode}`)
    memory?.set(path, document)
    return document
  }

  // Loads the documents of one request: by DataLoader, or by a map of pending promises, which is cheaper.
  function loader() {
    if (batched) {
      const loading = new DataLoader((paths) => Promise.all(paths.map(fetchDocument)))
      return (path) => loading.load(path)
    }
    const loading = new Map()
    return (path) => {
      let document = loading.get(path)
      if (document === undefined) loading.set(path, (document = fetchDocument(path)))
      return document
    }
  }

  return () => {
    let load
    return (path) => memory?.get(path) ?? (load ??= loader())(path)
  }
}

// Replaces a text without any language by null, as in the schema; once, when a document is read.
function normalise(value) {
  if (value === null || typeof value !== 'object') return value
  if ('nl' in value && 'de' in value && !(value.nl || value.fr || value.en || value.de)) return null
  for (const key in value) value[key] = normalise(value[key])
  return value
}
