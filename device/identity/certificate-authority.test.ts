import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { CryptoError } from '../crypto/errors.ts'
import { createCryptoProvider } from '../crypto/provider.ts'
import { OpensslFolder } from '../testkit/openssl.ts'
import { watchProvider } from '../testkit/watched-provider.ts'
import { describeCertificate } from './certificate.ts'
import { type Authority, type CertificateOptions, createAuthority, issueCertificate } from './certificate-authority.ts'
import { createCertificateRequest } from './certificate-request.ts'
import { generateIdentityKey } from './identity-key.ts'

const provider = createCryptoProvider()
const nowMs = Date.UTC(2026, 5, 1, 12)
const DAY_MS = 86_400_000
const client = { profile: 'client', commonName: 'pump-7', organizationalUnit: 'engineer', days: 30, nowMs } as const
const server = { profile: 'server', commonName: 'box', dnsNames: ['box.test', 'localhost'], days: 30, nowMs } as const
const addresses = { ipAddresses: ['127.0.0.1', '::1'] }
let authority: Authority
let requestPem: string

beforeAll(async () => {
  authority = await createAuthority(provider, { commonName: 'Test authority', days: 3650, nowMs })
  requestPem = await makeRequest()
})

afterEach(() => vi.unstubAllGlobals())

describe('certificates, as the system openssl reads them', () => {
  const at = ['-attime', String(nowMs / 1000 + 60), '-x509_strict', '-check_ss_sig', '-CAfile', 'ca.pem']

  it.each([
    ['server', 'sslserver', 'sslclient'],
    ['client', 'sslclient', 'sslserver'],
    ['device', 'sslclient', 'sslserver'],
  ] as const)('%s: the chain verifies for %s and not for %s', async (profile, purpose, other) => {
    const folder = await issuedFolder({ ...client, profile, ...(profile === 'server' ? addresses : {}) })
    try {
      expect(folder.run('verify', ...at, '-purpose', purpose, 'leaf.pem')).toMatchObject({ status: 0 })
      expect(folder.run('verify', ...at, '-purpose', other, 'leaf.pem').status).not.toBe(0)
    } finally {
      folder.remove()
    }
  })

  it('a server certificate names hosts and addresses, is no authority, and signs only', async () => {
    const folder = await issuedFolder({ ...server, ...addresses })
    try {
      const { output } = folder.run('x509', '-in', 'leaf.pem', '-noout', '-text')
      expect(output).toMatch(/DNS:box\.test, DNS:localhost, IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1/)
      expect(output).toMatch(/Basic Constraints: critical\s+CA:FALSE/)
      expect(output).toMatch(/Key Usage: critical\s+Digital Signature\s/)
      expect(output).toMatch(/Extended Key Usage: critical\s+TLS Web Server Authentication\s/)
      for (const name of ['-verify_hostname box.test', '-verify_ip 127.0.0.1', '-verify_ip ::1']) {
        expect(folder.run('verify', ...at, ...name.split(' '), 'leaf.pem').status).toBe(0)
      }
      expect(folder.run('verify', ...at, '-verify_hostname', 'box', 'leaf.pem').status).not.toBe(0)
    } finally {
      folder.remove()
    }
  })

  it('a leaf signs no other, and another authority of the same name vouches for nothing', async () => {
    const folder = await issuedFolder(client)
    const impostor = await createAuthority(provider, { commonName: 'Test authority', days: 10, nowMs })
    try {
      folder.write('impostor.pem', impostor.certificatePem)
      const run = folder.run('verify', ...at.slice(0, -1), 'impostor.pem', 'leaf.pem')
      expect(run.status).not.toBe(0)
      expect(folder.run('x509', '-in', 'ca.pem', '-noout', '-text').output).toMatch(/CA:TRUE, pathlen:0/)
    } finally {
      folder.remove()
    }
  })

  it('a request is one that openssl verifies, and one that openssl made is one that we sign', async () => {
    const folder = new OpensslFolder({ 'ours.csr': requestPem })
    try {
      expect(folder.run('req', '-in', 'ours.csr', '-verify', '-noout').output).toMatch(/verify OK/)
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'their.key']
      const made = folder.run('req', '-new', ...key, '-sha256', '-subj', '/CN=root/OU=engineer', '-out', 'their.csr')
      expect(made.status).toBe(0)
      const theirs = readFileSync(join(folder.path, 'their.csr'), 'utf8')
      folder.write('ca.pem', authority.certificatePem)
      folder.write('leaf.pem', await issueCertificate(provider, authority, theirs, client))
      expect(folder.run('verify', ...at, 'leaf.pem')).toMatchObject({ status: 0 })
    } finally {
      folder.remove()
    }
  })

  it('an authority that openssl made may be used, its name and key identifier as they are', async () => {
    const folder = new OpensslFolder()
    try {
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key']
      const subject = ['-utf8', '-subj', '/O=Prüfstelle/CN=Root/OU=a/OU=b', '-days', '100', '-out', 'ca.pem']
      expect(folder.run('req', '-x509', ...key, '-sha256', ...subject).status).toBe(0)
      const [certificatePem, privatePem] = ['ca.pem', 'ca.key'].map((name) =>
        readFileSync(join(folder.path, name), 'utf8'),
      )
      const options = { ...client, nowMs: Date.now() + 60_000 }
      const theirs = { certificatePem: certificatePem!, privatePem: privatePem! }
      folder.write('leaf.pem', await issueCertificate(provider, theirs, requestPem, options))
      expect(folder.run('verify', '-CAfile', 'ca.pem', 'leaf.pem')).toMatchObject({ status: 0 })
    } finally {
      folder.remove()
    }
  })
})

describe('issuing', () => {
  it('takes every name from the authority side and none from the request', async () => {
    const issued = new X509Certificate(await issueCertificate(provider, authority, requestPem, client))
    expect(issued.toLegacyObject().subject).toMatchObject({ CN: 'pump-7', OU: 'engineer' })
    expect(issued.subject).toBe('OU=engineer\nCN=pump-7')
    expect(issued.subjectAltName).toBeUndefined()
  })

  it('dates from five minutes ago to the days asked for, never beyond the authority', async () => {
    const asked = describeCertificate(await issueCertificate(provider, authority, requestPem, client))
    expect([asked.notBefore.getTime(), asked.notAfter.getTime()]).toEqual([nowMs - 300_000, nowMs + 30 * DAY_MS])
    const longer = { ...client, days: 3650, nowMs: nowMs + 10 * DAY_MS }
    const clipped = describeCertificate(await issueCertificate(provider, authority, requestPem, longer))
    expect(clipped.notAfter.getTime()).toBe(nowMs + 3650 * DAY_MS)
  })

  it('gives every certificate its own serial number, positive and of 16 octets', async () => {
    const numbers = new Set<string>()
    for (let round = 0; round < 20; round++) {
      numbers.add(new X509Certificate(await issueCertificate(provider, authority, requestPem, client)).serialNumber)
    }
    expect(numbers.size).toBe(20)
    for (const number of numbers) expect(number).toMatch(/^[4-7][0-9A-F]{31}$/)
  })

  it('does every signature with the provider passed in', async () => {
    const forbidden = () => {
      throw new CryptoError('crypto_provider_unusable')
    }
    vi.stubGlobal('crypto', new Proxy({}, { get: forbidden }))
    const watched = watchProvider(provider)
    const made = await createAuthority(watched.provider, { commonName: 'Test authority', days: 2, nowMs })
    const { privatePem } = await generateIdentityKey(watched.provider)
    const names = { commonName: 'x', organization: 'y' }
    const csr = await createCertificateRequest(watched.provider, privatePem, names)
    await issueCertificate(watched.provider, made, csr, client)
    expect(watched.calls.filter((call) => call === 'sign ECDSA private')).toHaveLength(3)
    expect(watched.calls.filter((call) => call === 'verify ECDSA public')).toHaveLength(1)
    expect(watched.calls.filter((call) => call.startsWith('exportKey jwk'))).toEqual([])
  })
})

describe('names that are refused', () => {
  const names = [
    '',
    ' ',
    'a,OU=admin',
    'a+OU=admin',
    'a\nOU=admin',
    'a\u0000b',
    '"a"',
    '#0402',
    'a\\',
    '-a',
    'a'.repeat(65),
  ]

  it.each(names)('%j', async (name) => {
    const refusal = { name: 'IdentityError', code: 'identity_name_invalid' }
    const attempts = [
      createAuthority(provider, { commonName: name, days: 1, nowMs }),
      issueCertificate(provider, authority, requestPem, { ...client, commonName: name }),
      issueCertificate(provider, authority, requestPem, { ...client, organizationalUnit: name }),
      issueCertificate(provider, authority, requestPem, { ...server, dnsNames: [name] }),
      issueCertificate(provider, authority, requestPem, { ...server, ipAddresses: [name] }),
      createCertificateRequest(provider, authority.privatePem, { commonName: name, organization: 'x' }),
      createCertificateRequest(provider, authority.privatePem, { commonName: 'x', organization: name }),
    ]
    for (const attempt of attempts) {
      const error: unknown = await attempt.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error).toMatchObject(refusal)
      if (name.length > 2) expect(String(error)).not.toContain(name)
    }
  })

  it.each([
    ['a client without a role', { ...client, organizationalUnit: undefined }],
    ['a server without a host name or address', { ...server, dnsNames: [] }],
    ['a wildcard', { ...server, dnsNames: ['*.test'] }],
    ['an address as a host name', { ...server, dnsNames: ['127.0.0.1'] }],
    ['a host name as an address', { ...server, ipAddresses: ['localhost'] }],
    ['an address with a zone', { ...server, ipAddresses: ['fe80::1%eth0'] }],
    ['more names than a certificate should have', { ...server, dnsNames: Array(33).fill('a.test') }],
  ])('%s', async (_name, options: CertificateOptions) => {
    const attempt = issueCertificate(provider, authority, requestPem, options)
    await expect(attempt).rejects.toMatchObject({ code: 'identity_name_invalid' })
  })

  it('but names of any script are taken', async () => {
    const options = { ...client, commonName: 'Überwachung-3', organizationalUnit: '集中治療' }
    const pem = await issueCertificate(provider, authority, requestPem, options)
    const expected = { commonName: 'Überwachung-3', organizationalUnits: ['集中治療'] }
    expect(describeCertificate(pem)).toMatchObject(expected)
  })
})

describe('an authority that is refused', () => {
  it.each([0, -1, 1.5, Number.NaN, 7301])('validity of %s days', async (days) => {
    const refusal = { code: 'identity_validity_invalid' }
    const attempts = [
      createAuthority(provider, { commonName: 'a', days, nowMs }),
      issueCertificate(provider, authority, requestPem, { ...client, days }),
    ]
    for (const attempt of attempts) await expect(attempt).rejects.toMatchObject(refusal)
  })

  it('is out of date, of another key, a leaf, or no certificate', async () => {
    const leafKey = await generateIdentityKey(provider)
    const csr = await createCertificateRequest(provider, leafKey.privatePem, { commonName: 'x', organization: 'y' })
    const leaf = {
      certificatePem: await issueCertificate(provider, authority, csr, client),
      privatePem: leafKey.privatePem,
    }
    const refusals: [Authority, number][] = [
      [authority, nowMs + 3650 * DAY_MS],
      [authority, nowMs - 300_001],
      [{ ...authority, privatePem: leafKey.privatePem }, nowMs],
      [{ ...authority, privatePem: 'x' }, nowMs],
      [{ ...authority, certificatePem: 'x' }, nowMs],
      [{ ...authority, certificatePem: authority.certificatePem + authority.certificatePem }, nowMs],
      [leaf, nowMs],
    ]
    for (const [issuer, atMs] of refusals) {
      const attempt = issueCertificate(provider, issuer, requestPem, { ...client, nowMs: atMs })
      await expect(attempt).rejects.toMatchObject({ code: 'identity_authority_invalid' })
    }
  })
})

describe('an identity key', () => {
  it('is P-256 in PEM', async () => {
    const { privatePem, publicPem } = await generateIdentityKey(provider)
    expect(privatePem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/)
    expect(publicPem).toMatch(/^-----BEGIN PUBLIC KEY-----\n/)
  })

  it('is refused when malformed or of another kind', async () => {
    const other = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    for (const pem of ['', 'x', other]) {
      const attempt = createCertificateRequest(provider, pem, { commonName: 'x', organization: 'y' })
      await expect(attempt).rejects.toMatchObject({ code: 'crypto_key_malformed' })
    }
  })
})

async function makeRequest(): Promise<string> {
  const { privatePem } = await generateIdentityKey(provider)
  return createCertificateRequest(provider, privatePem, { commonName: 'administrator', organization: 'elsewhere' })
}

async function issuedFolder(options: CertificateOptions): Promise<OpensslFolder> {
  const leaf = await issueCertificate(provider, authority, requestPem, options)
  return new OpensslFolder({ 'ca.pem': authority.certificatePem, 'leaf.pem': leaf })
}
