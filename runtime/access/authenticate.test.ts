import type { PeerCertificate } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { parseIdentity } from './authenticate.ts'
import { AccessError } from './errors.ts'

/** As Node hands a verified certificate over. What real ones look like is tested over TLS in runtime/http/tls.test.ts. */
function certificate(change: object = {}): PeerCertificate {
  return {
    subject: { CN: 'monitor-12', OU: 'bedside' },
    ext_key_usage: ['1.3.6.1.5.5.7.3.2'],
    valid_from: 'Jan  1 00:00:00 2026 GMT',
    valid_to: 'Jan  1 00:00:00 2027 GMT',
    fingerprint256: 'AB:CD:01',
    ...change,
  } as unknown as PeerCertificate
}

describe('identity of a certificate', () => {
  it('is its name, its role and its fingerprint, for as long as it is valid', () => {
    expect(parseIdentity(certificate())).toEqual({
      principal: { clientId: 'monitor-12', role: 'bedside', fingerprint: 'abcd01', strength: 'mtls' },
      notBeforeMs: Date.UTC(2026, 0, 1),
      notAfterMs: Date.UTC(2027, 0, 1),
    })
  })

  it.each([
    ['no subject', { subject: undefined }],
    ['several names', { subject: { CN: ['a', 'b'], OU: 'bedside' } }],
    ['several roles', { subject: { CN: 'a', OU: ['bedside', 'clinician'] } }],
    ['one role in a list', { subject: { CN: 'a', OU: ['bedside'] } }],
    ['an unknown role', { subject: { CN: 'a', OU: 'root' } }],
    ['an empty name', { subject: { CN: '', OU: 'bedside' } }],
    ['a name with a line end', { subject: { CN: 'a\n', OU: 'bedside' } }],
    ['no purpose', { ext_key_usage: undefined }],
    ['the purpose of a server', { ext_key_usage: ['1.3.6.1.5.5.7.3.1'] }],
    ['both purposes', { ext_key_usage: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'] }],
    ['an unreadable validity', { valid_to: 'never' }],
  ])('is refused: %s', (_, change) => {
    expect(() => parseIdentity(certificate(change))).toThrow(AccessError)
  })
})
