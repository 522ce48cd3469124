import { createHmac, timingSafeEqual } from 'node:crypto'

// body: the raw bytes as received, before any JSON parsing
export function verify(body, signature, secret) {
  const mac = createHmac('sha256', secret).update(body).digest('hex')
  const a = Buffer.from(signature ?? ''), b = Buffer.from('sha256=' + mac)
  return a.length === b.length && timingSafeEqual(a, b)
}

// verify(rawBody, req.headers['x-webhook-signature'], SECRET)
