import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestSite, type HostileOptions, type TestSite, type TlsIdentity } from './testkit/certificates.ts'
import { codeIn, type TestClient } from './testkit/client.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'

const DAY_MS = 86_400_000
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const subject = [
  ['OU', 'clinician'],
  ['CN', 'ward-1'],
] as const
const GET = 'GET /v1/health HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n'

let site: TestSite
let server: TestServer
beforeAll(async () => {
  site = await createTestSite()
  server = await startTestServer(site)
})
afterAll(() => server.app.close())

/** What the client gets to read: nothing at all when TLS refuses it. */
async function answerTo(client: TestClient): Promise<string> {
  try {
    return await client.raw(GET)
  } catch {
    return ''
  }
}

describe('who gets no HTTP answer at all', () => {
  const refused: [string, () => Promise<TlsIdentity | undefined>][] = [
    ['no certificate', async () => undefined],
    ['a self-signed certificate', () => site.hostile({ subject, selfSigned: true })],
    [
      'a certificate of another authority of the same name',
      async () => (await createTestSite()).client('clinician', 'ward-1'),
    ],
    [
      'an expired certificate',
      () => site.hostile({ subject, fromMs: Date.now() - 2 * DAY_MS, untilMs: Date.now() - DAY_MS }),
    ],
    [
      'a certificate that is not yet valid',
      () => site.hostile({ subject, fromMs: Date.now() + DAY_MS, untilMs: Date.now() + 2 * DAY_MS }),
    ],
    ['a certificate for servers only', () => site.hostile({ subject, purposes: [SERVER_AUTH] })],
    ['a certificate for any purpose', () => site.hostile({ subject, purposes: ['2.5.29.37.0'] })],
    ['the server’s own certificate', async () => site.server],
  ]
  for (const [name, identity] of refused) {
    it(name, async () => {
      const client = server.client(await identity())
      expect(await answerTo(client)).toBe('')
      expect(server.decisions.requests).toEqual([])
    })
  }

  it('TLS 1.2, even with a good certificate', async () => {
    const client = server.client(await site.client('clinician', 'ward-1'), {
      maxVersion: 'TLSv1.2',
      minVersion: 'TLSv1.2',
    })
    expect(await answerTo(client)).toBe('')
  })

  it('a client that does not finish its handshake is cut', async () => {
    const { connect } = await import('node:net')
    const impatient = await startTestServer(site, { limits: { handshakeTimeoutMs: 300 } })
    const startMs = performance.now()
    const socket = connect({ host: '127.0.0.1', port: impatient.port })
    socket.on('error', () => {})
    socket.write(Buffer.from([0x16, 0x03, 0x01]))
    await new Promise((resolve) => socket.once('close', resolve))
    expect(performance.now() - startMs).toBeLessThan(5000)
    await impatient.app.close()
  })

  it('plain HTTP on the TLS port', async () => {
    const { connect } = await import('node:net')
    const socket = connect({ host: '127.0.0.1', port: server.port })
    let received = ''
    socket.on('data', (part) => {
      received += part.toString('latin1')
    })
    socket.on('error', () => {})
    socket.write(GET)
    await new Promise((resolve) => socket.once('close', resolve))
    expect(received).not.toContain('HTTP/')
  })

  it('all of them are counted under one anonymous client', async () => {
    const other = await startTestServer(site)
    for (let count = 0; count < 3; count += 1) await answerTo(other.client(undefined))
    await other.app.close()
    const [leaf] = other.ledger.ofKind('counted')
    expect(leaf).toMatchObject({ client: 'anonymous', role: 'none', refused: 'tls_handshake_failed', count: 3 })
  })
})

describe('who is accepted by TLS but not known', () => {
  const unknown: [string, HostileOptions['subject'], (readonly string[])?][] = [
    [
      'two roles',
      [
        ['OU', 'bedside'],
        ['OU', 'clinician'],
        ['CN', 'ward-1'],
      ],
    ],
    [
      'the same role twice',
      [
        ['OU', 'clinician'],
        ['OU', 'clinician'],
        ['CN', 'ward-1'],
      ],
    ],
    ['no role', [['CN', 'ward-1']]],
    [
      'a role that does not exist',
      [
        ['OU', 'administrator'],
        ['CN', 'ward-1'],
      ],
    ],
    [
      'a role in capitals',
      [
        ['OU', 'Clinician'],
        ['CN', 'ward-1'],
      ],
    ],
    [
      'a role with a space',
      [
        ['OU', 'clinician '],
        ['CN', 'ward-1'],
      ],
    ],
    [
      'a role with a line break',
      [
        ['OU', 'x\nOU=clinician'],
        ['CN', 'ward-1'],
      ],
    ],
    [
      'a role with a zero byte',
      [
        ['OU', 'clinician\0'],
        ['CN', 'ward-1'],
      ],
    ],
    [
      'a role in letters that look alike',
      [
        ['OU', 'сlinician'],
        ['CN', 'ward-1'],
      ],
    ],
    [
      'a role named like a member of every object',
      [
        ['OU', 'constructor'],
        ['CN', 'ward-1'],
      ],
    ],
    [
      'two names',
      [
        ['OU', 'clinician'],
        ['CN', 'ward-1'],
        ['CN', 'ward-2'],
      ],
    ],
    ['no name', [['OU', 'clinician']]],
    [
      'a name with a slash',
      [
        ['OU', 'clinician'],
        ['CN', 'ward/1'],
      ],
    ],
    [
      'a name of 65 characters',
      [
        ['OU', 'clinician'],
        ['CN', 'w'.repeat(65)],
      ],
    ],
    ['a role inside the name', [['CN', 'ward-1/OU=clinician']]],
    ['no stated purpose', subject, []],
    ['the purpose of a server as well', subject, [CLIENT_AUTH, SERVER_AUTH]],
  ]
  for (const [name, names, purposes] of unknown) {
    it(name, async () => {
      const identity = await site.hostile({ subject: names, ...(purposes === undefined ? {} : { purposes }) })
      const reply = await server.client(identity).post('/v1/decisions', {})
      expect(reply.status).toBe(401)
      expect(reply.json.error?.code).toBe('access_unauthenticated')
    })
  }

  it('a device certificate', async () => {
    const reply = await server.client(await site.device('box-1')).call('/v1/models')
    expect(reply.json.error?.code).toBe('access_unauthenticated')
  })

  it('an address that cannot be decoded is no way around', async () => {
    const answer = await server
      .client(await site.device('box-1'))
      .raw('GET /%zz HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n')
    expect(codeIn(answer)).toBe('access_unauthenticated')
  })
})

describe('a certificate that is withdrawn', () => {
  it('stops to speak at once, also on an open connection, and stands in the evidence by its name', async () => {
    const revoked = new Set<string>()
    const own = await startTestServer(site, { isRevoked: (fingerprint) => revoked.has(fingerprint) })
    const identity = await site.client('clinician', 'ward-1')
    const [client, other] = [own.client(identity), await own.as('clinician', 'ward-2')]
    const agent = client.agent()
    expect((await client.call('/v1/health', { agent })).status).toBe(200)
    revoked.add(new X509Certificate(identity.cert).fingerprint256.replaceAll(':', '').toLowerCase())
    for (const path of ['/v1/health', '/nowhere', '/%zz']) {
      const reply = await client.call(path, { agent })
      expect([reply.status, reply.json.error?.code]).toEqual([401, 'access_revoked'])
    }
    expect((await client.call('/v1/health')).status, 'a new connection').toBe(401)
    expect((await other.call('/v1/health')).status).toBe(200)
    agent.destroy()
    await own.app.close()
    const leaf = { kind: 'refused', code: 'access_revoked', client: 'ward-1', role: 'clinician' }
    expect(own.ledger.ofKind('refused')[0]).toEqual({ ...leaf, route: '/v1/health' })
  })

  it('is not given the benefit of a list that cannot be asked', async () => {
    const isRevoked = () => {
      throw new TypeError('unreadable')
    }
    const own = await startTestServer(site, { isRevoked })
    const reply = await (await own.as('clinician')).post('/v1/decisions', {})
    expect(reply.status).toBe(500)
    await own.app.close()
  })
})

describe('connections that live long', () => {
  it('a certificate that expires on an open connection stops to speak', async () => {
    let nowMs = Date.now()
    const clock = { nowMs: () => nowMs, monotonicMs: () => performance.now() }
    const own = await startTestServer(site, { clock })
    const client = await own.as('clinician')
    const agent = client.agent()
    expect((await client.call('/v1/health', { agent })).status).toBe(200)
    nowMs += 8 * DAY_MS
    expect((await client.call('/v1/health', { agent })).status).toBe(401)
    agent.destroy()
    await own.app.close()
  })

  it('sessions are not resumed: each connection shows its certificate', async () => {
    const identity = await site.client('clinician', 'ward-1')
    const first = await server.client(identity).open()
    const sessions: Buffer[] = []
    first.socket.on('session', (session) => sessions.push(session))
    first.write(GET)
    await first.closed(3000)
    const session = sessions.at(-1)
    const second = await server.client(identity, session === undefined ? {} : { session }).open()
    expect(second.socket.isSessionReused()).toBe(false)
    second.socket.destroy()
  })
})
