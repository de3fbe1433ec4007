// GraphQL Yoga with DataLoader, its caches of parsed and validated documents, and graphql-jit: node yoga.js UPSTREAM cached|uncached
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { useGraphQlJit } from '@envelop/graphql-jit'
import { createSchema, createYoga } from 'graphql-yoga'
import { createDocuments } from './documents.js'
import { resolvers } from './resolvers.js'

const [base, mode] = process.argv.slice(2)
const documents = createDocuments(base, { cached: mode === 'cached', batched: true })
const yoga = createYoga({
  schema: createSchema({ typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'), resolvers }),
  context: () => ({ read: documents() }),
  plugins: [useGraphQlJit()],
  graphiql: false,
  landingPage: false,
  logging: false,
  cors: false,
})
const server = createServer(yoga)
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/graphql`))
