// A receiver that checks both signatures of a delivery. One of them is enough: take the function that suits you.
// Run it with   WEBHOOK_SECRET='whsec_…' node verify.js   and set the webhook's URL to http://localhost:4545
const http = require('node:http')
const crypto = require('node:crypto')

const TOLERANCE = 5 * 60 // seconds
const LARGEST = 1024 * 1024 // bytes; payloads are at most 256 KiB

// X-Webhook-Signature. body: the raw bytes as received, before any JSON parsing.
function verifyBody(body, headers, secret) {
  const mac = crypto.createHmac('sha256', secret).update(body).digest('hex')
  return same(headers['x-webhook-signature'] ?? '', 'sha256=' + mac)
}

// webhook-signature (Standard Webhooks). It covers the id and the time too, so that an old request cannot be sent again.
function verifyStandard(body, headers, secret) {
  const id = headers['webhook-id'] ?? ''
  const timestamp = headers['webhook-timestamp'] ?? ''
  const age = Math.abs(Date.now() / 1000 - Number(timestamp))
  if (!(age <= TOLERANCE)) return false
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const mac = crypto.createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
  return (headers['webhook-signature'] ?? '').split(' ').some(given => same(given, 'v1,' + mac))
}

// In constant time: how long it takes tells nothing about where they differ.
function same(given, expected) {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && crypto.timingSafeEqual(a, b)
}

function receive(secret, port) {
  const server = http.createServer((req, res) => {
    const chunks = []
    let size = 0
    req.on('data', chunk => {
      chunks.push(chunk)
      if ((size += chunk.length) > LARGEST) req.destroy()
    })
    req.on('end', () => {
      const body = Buffer.concat(chunks)
      const valid = verifyBody(body, req.headers, secret) && verifyStandard(body, req.headers, secret)
      res.writeHead(valid ? 204 : 401).end()
      if (!valid) return console.log('INVALID')
      // The same webhook-id again is a repeat of the same delivery: do its work once.
      console.log('Valid', req.headers['webhook-id'], JSON.parse(body).event)
    })
  })
  server.listen(port, '127.0.0.1', () => console.log(`Listening on http://localhost:${port}`))
}

module.exports = { verifyBody, verifyStandard }

if (require.main === module) {
  if (!process.env.WEBHOOK_SECRET) throw new Error('Set WEBHOOK_SECRET to the secret of the webhook.')
  receive(process.env.WEBHOOK_SECRET, Number(process.env.PORT || 4545))
}
