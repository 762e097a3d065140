// What serves in node: `node server.mjs CASE FOLDER`. Prints its port when it is ready. The folder holds what `mint` wrote.
//
// Each guarded route asks for what the others ask for: the signature, issuer, audience, time, and two scopes. Keys are
// given before the first request, as they are to all.

import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import express from 'express'
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer'
import { createVerifier } from 'fast-jwt'
import Fastify from 'fastify'

const SCOPES = ['orders:read', 'orders:write']

const cases = {
  node_bare: () => createServer(answerAsText),
  express_bare: () => createServer(expressApp([])),
  'express-oauth2-jwt-bearer': trust => createServer(expressApp([expressAuth(trust), requiredScopes(SCOPES)])),
  fastify_bare: () => fastifyApp([]),
  'fast-jwt': trust => fastifyApp([fastAuth(trust), fastScopes])
}

function answerAsText(_request, response) {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': 6 })
  response.end('orders')
}

function expressApp(guards) {
  const app = express()
  app.get('/orders', ...guards, (_request, response) => response.type('text').send('orders'))
  // Its own handler prints what it was told, with a stack.
  app.use((error, _request, response, _next) => response.status(error.status ?? 500).end())
  return app
}

function expressAuth({ alg, issuer, audience, keys }) {
  return auth({ issuer, audience, publicKey: { keys }, tokenSigningAlg: alg })
}

function fastifyApp(guards) {
  const app = Fastify()
  app.get('/orders', { onRequest: guards }, (_request, reply) => reply.type('text/plain; charset=utf-8').send('orders'))
  return app
}

// As its README shows it, called where a plugin would call it: nothing stands between.
function fastAuth({ alg, issuer, audience, keys }) {
  const key = createPublicKey({ key: keys[0], format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const verify = createVerifier({ key, algorithms: [alg], allowedIss: issuer, allowedAud: audience, cache: true })
  return (request, reply, done) => {
    try {
      request.user = verify((request.headers.authorization ?? '').slice('Bearer '.length))
      done()
    } catch {
      reply.code(401).send()
    }
  }
}

function fastScopes(request, reply, done) {
  const granted = request.user.scope.split(' ')
  SCOPES.every(scope => granted.includes(scope)) ? done() : reply.code(403).send()
}

const [name, folder] = process.argv.slice(2)
const trust = JSON.parse(readFileSync(join(folder, 'trust.json'), 'utf8'))
const server = cases[name](trust)
server.listen({ port: 0, host: '127.0.0.1' }, error => {
  if (error) throw error
  // fastify keeps the server that it stands on.
  console.log((server.server ?? server).address().port)
})
