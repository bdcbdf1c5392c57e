import { once } from 'node:events'
import { connect, createServer, type Server, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCryptoProvider } from '../crypto/provider.ts'
import { type Authority, type CertificateOptions, createAuthority, issueCertificate } from './certificate-authority.ts'
import { createCertificateRequest } from './certificate-request.ts'
import { generateIdentityKey } from './identity-key.ts'

const provider = createCryptoProvider()
const nowMs = Date.now()
let authority: Authority
let server: Server
let port = 0

beforeAll(async () => {
  authority = await createAuthority(provider, { commonName: 'Test authority', days: 2, nowMs })
  const host = await issue(authority, {
    profile: 'server',
    commonName: 'box',
    ipAddresses: ['127.0.0.1'],
    days: 1,
    nowMs,
  })
  const trust = { ca: authority.certificatePem, requestCert: true, rejectUnauthorized: true }
  server = createServer({ ...host, ...trust, minVersion: 'TLSv1.3' }, (socket) => {
    const { CN, OU } = socket.getPeerCertificate().subject
    socket.end(`${CN} is ${OU}`)
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
})

afterAll(() => server.close())

describe('over TLS 1.3 with client certificates', () => {
  const nurse = { profile: 'client', commonName: 'station-4', organizationalUnit: 'nurse', days: 1, nowMs } as const

  it('a client is known by its name and role', async () => {
    expect(await answer(await issue(authority, nurse))).toBe('station-4 is nurse')
  })

  it('a server certificate is no client certificate', async () => {
    const options = { profile: 'server', commonName: 'box', dnsNames: ['localhost'], days: 1, nowMs } as const
    expect(await answer(await issue(authority, options))).toBe('')
  })

  it('neither is one of another authority of the same name, one out of date, or none', async () => {
    const impostor = await createAuthority(provider, { commonName: 'Test authority', days: 2, nowMs })
    const past = nowMs - 10 * 86_400_000
    const old = await createAuthority(provider, { commonName: 'Test authority', days: 2, nowMs: past })
    expect(await answer(await issue(impostor, nurse))).toBe('')
    expect(await answer(await issue({ ...old }, { ...nurse, nowMs: past }))).toBe('')
    expect(await answer({})).toBe('')
  })
})

async function issue(by: Authority, options: CertificateOptions): Promise<{ key: string; cert: string }> {
  const { privatePem } = await generateIdentityKey(provider)
  const csr = await createCertificateRequest(provider, privatePem, { commonName: 'any', organization: 'any' })
  return { key: privatePem, cert: await issueCertificate(provider, by, csr, options) }
}

/** What the server says to a client; nothing when it ends the connection. */
async function answer(client: { key?: string; cert?: string }): Promise<string> {
  const socket: TLSSocket = connect({ ...client, port, host: '127.0.0.1', ca: authority.certificatePem })
  let text = ''
  socket.on('data', (part) => {
    text += part.toString()
  })
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}
