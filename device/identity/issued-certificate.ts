import { createPrivateKey, X509Certificate } from 'node:crypto'
import { derFromPem } from '../crypto/pem.ts'
import { type CertificateDescription, describeCertificate } from './certificate.ts'
import { IdentityError } from './errors.ts'
import { validityState } from './validity.ts'
import { X509Certificate as DecodedCertificate, KeyUsageFlags, KeyUsagesExtension } from './x509-library.ts'

export interface Expected {
  /** The key that the request was made with, PKCS#8 PEM. */
  readonly keyPem: string
  /** The one authority that may issue for this device, PEM. */
  readonly authorityPem: string
  readonly commonName: string
  readonly organizationalUnits: readonly string[]
  readonly nowMs: number
}

/** id-kp-clientAuth; RFC 5280 section 4.2.1.12. */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
/** Key usage, subject alternative name, basic constraints, extended key usage: the extensions that are looked at below. */
const PROCESSED = ['2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.37']

/**
 * Holds a certificate that has arrived to what was asked for; RFC 5280 section 6.1 for a path of one certificate below
 * its trust anchor. Nothing that arrives can give the device another name, a role or another use.
 * @throws IdentityError identity_certificate_malformed, or identity_certificate_refused with `about` = what does not fit:
 * key, issuer, authority, validity, authority validity, kind, purpose, key usage, critical extension, signature algorithm, common
 * name, unit or alternative name
 */
export function verifyIssuedCertificate(pem: string, expected: Expected): CertificateDescription {
  const description = describeCertificate(pem)
  const certificate = parse(pem)
  const authority = parseAuthority(expected.authorityPem)
  const { commonName, organizationalUnits, nowMs } = expected
  demand(holdsKey(certificate, expected.keyPem), 'key')
  // 6.1.1 (d) and 6.1.4 (k): the anchor is an authority; 6.1.3 (a)(1) and (a)(4): it has signed, under its name.
  demand(authority.ca, 'authority')
  demand(certificate.checkIssued(authority) && certificate.verify(authority.publicKey), 'issuer')
  demand(!/sha1|md5/i.test(certificate.signatureAlgorithm ?? ''), 'signature algorithm')
  // 6.1.3 (a)(2): in force now, and the anchor too.
  demand(validityState(description, nowMs) === 'in force', 'validity')
  demand(isInForce(authority, nowMs), 'authority validity')
  demand(!certificate.ca, 'kind')
  // The library's name for the extended key usage.
  const purposes = certificate.keyUsage ?? []
  demand(purposes.length === 1 && purposes[0] === CLIENT_AUTH, 'purpose')
  verifyExtensions(new DecodedCertificate(certificate.raw))
  demand(description.commonName === commonName, 'common name')
  demand(description.organizationalUnits.join('\n') === organizationalUnits.join('\n'), 'unit')
  const names = certificate.subjectAltName?.split(', ') ?? []
  demand(
    names.every((name) => name === `DNS:${commonName}`),
    'alternative name',
  )
  return description
}

/**
 * Once the switch is made the old key is gone, and a certificate that no peer accepts would leave the device without one:
 * section 4.2.1.3, the key must be for signatures; 6.1.4 (o) and 6.1.5 (f), a critical extension that nobody processes fails.
 */
function verifyExtensions(certificate: DecodedCertificate): void {
  const usages = certificate.getExtension(KeyUsagesExtension)?.usages ?? KeyUsageFlags.digitalSignature
  demand((usages & KeyUsageFlags.digitalSignature) !== 0, 'key usage')
  demand(
    certificate.extensions.every(({ critical, type }) => !critical || PROCESSED.includes(type)),
    'critical extension',
  )
}

/** Whether a certificate (PEM) is for this private key (PKCS#8 PEM). False also when one of them cannot be read. */
export function isPair(certificatePem: string, keyPem: string): boolean {
  try {
    return holdsKey(parse(certificatePem), keyPem)
  } catch {
    return false
  }
}

function holdsKey(certificate: X509Certificate, keyPem: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(keyPem))
  } catch {
    return false
  }
}

function isInForce(certificate: X509Certificate, nowMs: number): boolean {
  return certificate.validFromDate.getTime() <= nowMs && nowMs <= certificate.validToDate.getTime()
}

function parse(pem: string): X509Certificate {
  const der = derFromPem(pem, 'CERTIFICATE')
  if (der === undefined) throw new IdentityError('identity_certificate_malformed', { about: 'not one PEM certificate' })
  try {
    return new X509Certificate(der)
  } catch (cause) {
    throw new IdentityError('identity_certificate_malformed', { cause })
  }
}

function parseAuthority(pem: string): X509Certificate {
  try {
    return parse(pem)
  } catch (cause) {
    throw new IdentityError('identity_certificate_refused', { cause, about: 'authority' })
  }
}

function demand(holds: boolean, about: string): asserts holds {
  if (!holds) throw new IdentityError('identity_certificate_refused', { about })
}
