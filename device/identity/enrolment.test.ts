import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCryptoProvider } from '../crypto/provider.ts'
import { createAuthority, issueCertificate } from './certificate-authority.ts'
import { verifyCertificateRequest } from './certificate-request.ts'
import { requestIdentity } from './enrolment.ts'
import { isPair } from './issued-certificate.ts'

const provider = createCryptoProvider()
let folder: string
const key = () => join(folder, 'device', 'identity.key')
const text = (path: string) => readFileSync(path, 'utf8')

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardstone-enrolment-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('enrolment', () => {
  it('makes a key that only its owner may read, and a request that the authority can answer', async () => {
    const { path, isNewKey } = await requestIdentity(provider, key(), 'box-1')
    expect([isNewKey, path]).toEqual([true, join(folder, 'device', 'identity.csr')])
    expect(statSync(key()).mode & 0o777).toBe(0o600)
    await verifyCertificateRequest(provider, text(path))
    const nowMs = Date.now()
    const authority = await createAuthority(provider, { commonName: 'Fleet', days: 10, nowMs })
    const options = { profile: 'device', commonName: 'box-1', days: 5, nowMs } as const
    const certificate = await issueCertificate(provider, authority, text(path), options)
    expect(isPair(certificate, text(key()))).toBe(true)
  })

  it('keeps the key when it is asked again', async () => {
    await requestIdentity(provider, key(), 'box-1')
    const before = text(key())
    expect((await requestIdentity(provider, key(), 'box-2')).isNewKey).toBe(false)
    expect(text(key())).toBe(before)
  })

  it('never writes over what is no key of ours', async () => {
    const other = join(folder, 'identity.key')
    writeFileSync(other, 'something else')
    await expect(requestIdentity(provider, other, 'box-1')).rejects.toMatchObject({ code: 'identity_unusable' })
    expect(text(other)).toBe('something else')
  })

  it('refuses a name that a certificate cannot carry, and makes nothing', async () => {
    await expect(requestIdentity(provider, key(), '')).rejects.toMatchObject({ code: 'identity_name_invalid' })
    expect(() => text(key())).toThrow()
  })
})
