import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { derFromPem, pemFromDer } from '../crypto/pem.ts'
import { OpensslFolder } from '../testkit/openssl.ts'
import { describeCertificate } from './certificate.ts'

const folder = new OpensslFolder()
const refusal = expect.objectContaining({ name: 'IdentityError', code: 'identity_certificate_malformed' })

afterAll(() => folder.remove())

describe('describing a certificate', () => {
  it('gives name, units, dates and fingerprint', () => {
    const pem = selfSigned('/OU=nurse/CN=station 4')
    const described = describeCertificate(pem)
    expect(described).toMatchObject({ commonName: 'station 4', organizationalUnits: ['nurse'] })
    expect(described.notAfter.getTime() - described.notBefore.getTime()).toBe(3 * 86_400_000)
    expect(described.fingerprint).toBe(createHash('sha256').update(derFromPem(pem, 'CERTIFICATE')!).digest('hex'))
    expect(new X509Certificate(pem).validTo).toContain(String(described.notAfter.getUTCFullYear()))
  })

  it('gives every unit, and none where there is none', () => {
    expect(describeCertificate(selfSigned('/OU=a/OU=b/CN=x')).organizationalUnits).toEqual(['a', 'b'])
    expect(describeCertificate(selfSigned('/CN=x')).organizationalUnits).toEqual([])
  })

  it('is not misled by a name that looks like two', () => {
    const described = describeCertificate(selfSigned('/CN=x\\/OU=admin, OU=admin'))
    expect(described).toMatchObject({ commonName: 'x/OU=admin, OU=admin', organizationalUnits: [] })
  })

  it('refuses none or several common names, and what is not one certificate', () => {
    const pem = selfSigned('/CN=x')
    const der = derFromPem(pem, 'CERTIFICATE')!
    const attempts = [
      selfSigned('/OU=a'),
      selfSigned('/CN=a/CN=b'),
      '',
      'x',
      pem + pem,
      pem.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'),
      pemFromDer(der.subarray(0, -1), 'CERTIFICATE'),
      pemFromDer(Buffer.of(0x30, 0), 'CERTIFICATE'),
      pemFromDer(Buffer.alloc(2000, 0x30), 'CERTIFICATE'),
    ]
    for (const attempt of attempts) expect(() => describeCertificate(attempt)).toThrow(refusal)
  })
})

function selfSigned(subject: string): string {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem']
  const made = folder.run('req', '-x509', ...key, '-subj', subject, '-days', '3', '-out', 'certificate.pem')
  expect(made).toMatchObject({ status: 0 })
  return readFileSync(join(folder.path, 'certificate.pem'), 'utf8')
}
