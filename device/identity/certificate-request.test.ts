import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { derFromPem, pemFromDer } from '../crypto/pem.ts'
import { createCryptoProvider } from '../crypto/provider.ts'
import { OpensslFolder } from '../testkit/openssl.ts'
import { createCertificateRequest, verifyCertificateRequest } from './certificate-request.ts'
import { generateIdentityKey } from './identity-key.ts'

const provider = createCryptoProvider()
const LABEL = 'CERTIFICATE REQUEST'
const refusal = { name: 'IdentityError', code: 'identity_request_invalid' }
const folder = new OpensslFolder()
let requestPem: string
let der: Buffer

beforeAll(async () => {
  const { privatePem } = await generateIdentityKey(provider)
  requestPem = await createCertificateRequest(provider, privatePem, { commonName: 'box-1', organization: 'Ward' })
  der = derFromPem(requestPem, LABEL)!
})

afterAll(() => folder.remove())

describe('a certificate request', () => {
  it('gives the key that signed it', async () => {
    const { privatePem, publicPem } = await generateIdentityKey(provider)
    const pem = await createCertificateRequest(provider, privatePem, { commonName: 'a', organization: 'b' })
    const spki = await verifyCertificateRequest(provider, pem)
    expect(spki.equals(derFromPem(publicPem, 'PUBLIC KEY')!)).toBe(true)
  })

  it('is refused with any one bit changed', async () => {
    for (let bit = 0; bit < der.length * 8; bit++) {
      const changed = Buffer.from(der)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      const attempt = verifyCertificateRequest(provider, pemFromDer(changed, LABEL))
      await expect(attempt, `bit ${bit}`).rejects.toMatchObject(refusal)
    }
  })

  it('is refused cut off, extended, repeated, empty, or as another thing', async () => {
    const { publicPem } = await generateIdentityKey(provider)
    const attempts = [
      '',
      'x',
      publicPem,
      requestPem + requestPem,
      requestPem.replaceAll(LABEL, 'NEW CERTIFICATE REQUEST'),
      pemFromDer(Buffer.concat([der, Buffer.of(0)]), LABEL),
      pemFromDer(Buffer.concat([der, der]), LABEL),
      pemFromDer(Buffer.of(0x30, 0), LABEL),
      ...Array.from({ length: 20 }, (_, cut) => pemFromDer(der.subarray(0, -1 - cut), LABEL)),
    ]
    for (const pem of attempts) await expect(verifyCertificateRequest(provider, pem)).rejects.toMatchObject(refusal)
  })

  it('is refused for a key it was not signed with', async () => {
    const { publicPem } = await generateIdentityKey(provider)
    const theirs = derFromPem(publicPem, 'PUBLIC KEY')!
    const at = der.indexOf(theirs.subarray(0, 26))
    const swapped = Buffer.concat([der.subarray(0, at), theirs, der.subarray(at + theirs.length)])
    await expect(verifyCertificateRequest(provider, pemFromDer(swapped, LABEL))).rejects.toMatchObject(refusal)
  })

  it.each([
    ['an RSA key', ['rsa:2048']],
    ['P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
    ['Ed25519', ['ed25519']],
    ['SHA-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-sha384']],
    ['explicit parameters', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:explicit']],
  ])('is refused with %s, well made as it is', async (_name, key) => {
    const words = ['-nodes', '-keyout', 'key.pem', '-subj', '/CN=box', '-out', 'request.pem']
    expect(folder.run('req', '-new', '-newkey', ...key, ...words)).toMatchObject({ status: 0 })
    const pem = readFileSync(join(folder.path, 'request.pem'), 'utf8')
    await expect(verifyCertificateRequest(provider, pem)).rejects.toMatchObject(refusal)
  })

  it('is refused in bounded time, whatever the octets', async () => {
    const large = pemFromDer(Buffer.alloc(40_000, 0x30), LABEL)
    await expect(verifyCertificateRequest(provider, large)).rejects.toMatchObject(refusal)
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const spki = keys.publicKey.export({ type: 'spki', format: 'der' })
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (octets) => {
        for (const bytes of [octets, Buffer.concat([Buffer.of(0x30, 91), spki, octets])]) {
          await expect(verifyCertificateRequest(provider, pemFromDer(bytes, LABEL))).rejects.toMatchObject(refusal)
        }
      }),
    )
  })
})
