// Mercurius with JIT: node mercurius.js UPSTREAM cached|uncached
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { createDocuments } from './documents.js'
import { resolvers } from './resolvers.js'

const [base, mode] = process.argv.slice(2)
const documents = createDocuments(base, { cached: mode === 'cached', batched: false })
const app = Fastify({ logger: false })
app.register(mercurius, {
  schema: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
  resolvers,
  context: () => ({ read: documents() }),
  jit: 1,
})
await app.listen({ host: '127.0.0.1', port: 0 })
console.log(`http://127.0.0.1:${app.server.address().port}/graphql`)
