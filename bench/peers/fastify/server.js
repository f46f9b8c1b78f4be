// Fastify with pg, answers by schema: node server.js PORT
import { createHash } from 'node:crypto'
import Fastify from 'fastify'
import pg from 'pg'

// Times as PostgreSQL writes them: a Date would lose the microseconds.
const TIMESTAMPTZ = 1184
const BIGINT = 20
pg.types.setTypeParser(TIMESTAMPTZ, text => text.replace(' ', 'T').replace('+00', 'Z'))
pg.types.setTypeParser(BIGINT, Number)

const url = new URL(process.env.DATABASE_URL.replace('@/', '@localhost/'))
const pool = new pg.Pool({
  host: url.searchParams.get('host'),
  database: url.pathname.slice(1),
  user: url.username,
  password: decodeURIComponent(url.password),
  options: '-c timezone=UTC',
  max: 10
})
const app = Fastify()

const POST = `
  SELECT posts.id, user_id, username, title, content, posts.created_at, posts.updated_at
  FROM posts JOIN users ON users.id = user_id`
const CREATE = `
  WITH made AS (INSERT INTO posts (user_id, title, content) VALUES ($1, $2, $3) RETURNING *)
  SELECT made.id, user_id, username, title, content, made.created_at, made.updated_at
  FROM made JOIN users ON users.id = user_id`
const ACCOUNT = `
  SELECT users.id FROM api_tokens JOIN users ON users.id = user_id WHERE token_hash = $1`

const post = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    user_id: { type: 'integer' },
    username: { type: 'string' },
    title: { type: 'string' },
    content: { type: 'string' },
    created_at: { type: 'string' },
    updated_at: { type: 'string' }
  }
}
const newPost = {
  type: 'object',
  required: ['title', 'content'],
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 200 },
    content: { type: 'string', minLength: 1, maxLength: 100000 }
  }
}
const page = {
  type: 'object',
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
    cursor: { type: 'string', pattern: '^[A-Za-z0-9_-]{21}[AQgw]$' },
    q: { type: 'string', minLength: 1, maxLength: 200 }
  }
}
const id = { type: 'object', properties: { id: { type: 'integer', minimum: 1 } } }

// A cursor is when the last row was made, in microseconds, and its id: 16 bytes.
function decode (cursor) {
  const packed = Buffer.from(cursor, 'base64url')
  const microseconds = packed.readBigInt64BE(0)
  const seconds = new Date(Number(microseconds / 1000000n) * 1000).toISOString().slice(0, 19)
  const fraction = String(microseconds % 1000000n).padStart(6, '0')
  return [`${seconds}.${fraction}Z`, packed.readBigInt64BE(8)]
}

function encode (row) {
  const [seconds, fraction = ''] = row.created_at.slice(0, -1).split('.')
  const packed = Buffer.alloc(16)
  const microseconds = BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0'))
  packed.writeBigInt64BE(microseconds, 0)
  packed.writeBigInt64BE(BigInt(row.id), 8)
  return packed.toString('base64url')
}

app.get('/api/posts', {
  schema: { querystring: page, response: { 200: { type: 'array', items: post } } }
}, async (request, reply) => {
  const { limit, cursor, q } = request.query
  const values = [limit + 1]
  const conditions = []
  if (cursor) {
    values.push(...decode(cursor))
    conditions.push('(posts.created_at, posts.id) < ($2, $3)')
  }
  if (q) {
    values.push(q)
    conditions.push(`search @@ websearch_to_tsquery('english', $${values.length})`)
  }
  const where = conditions.length ? `WHERE ${conditions.join(' AND ')}` : ''
  const { rows } = await pool.query({
    name: `list ${where}`,
    text: `${POST} ${where} ORDER BY posts.created_at DESC, posts.id DESC LIMIT $1`,
    values
  })
  if (rows.length > limit) {
    rows.pop()
    const parameters = new URLSearchParams(limit === 20 ? {} : { limit })
    if (q) parameters.set('q', q)
    parameters.set('cursor', encode(rows[limit - 1]))
    reply.header('Link', `</api/posts?${parameters}>; rel="next"`)
  }
  return rows
})

app.get('/api/posts/:id', {
  schema: { params: id, response: { 200: post } }
}, async (request, reply) => {
  const { rows } = await pool.query({
    name: 'one', text: `${POST} WHERE posts.id = $1`, values: [request.params.id]
  })
  if (rows.length === 0) return reply.code(404).send()
  return rows[0]
})

async function account (request, reply) {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ')
  if (scheme === 'Bearer' && token) {
    const digest = createHash('sha256').update(token).digest()
    const { rows } = await pool.query({ name: 'account', text: ACCOUNT, values: [digest] })
    if (rows.length) {
      request.userId = rows[0].id
      return
    }
  }
  return reply.code(401).send()
}

app.decorateRequest('userId', 0)
app.post('/api/posts', {
  onRequest: account, schema: { body: newPost, response: { 201: post } }
}, async (request, reply) => {
  const { title, content } = request.body
  const { rows } = await pool.query({
    name: 'create', text: CREATE, values: [request.userId, title, content]
  })
  return reply.code(201).send(rows[0])
})

app.get('/health', async () => {
  const { rows } = await pool.query({
    name: 'health', text: 'SELECT version_num FROM alembic_version'
  })
  return { status: 'ok', database: { reachable: rows.length === 1 } }
})

await app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) })
