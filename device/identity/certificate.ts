import { X509Certificate } from 'node:crypto'
import { derFromPem } from '../crypto/pem.ts'
import { IdentityError } from './errors.ts'

export interface CertificateDescription {
  readonly commonName: string
  /** In the order of the certificate; empty when it carries none. */
  readonly organizationalUnits: readonly string[]
  readonly notBefore: Date
  readonly notAfter: Date
  /** Lowercase hex SHA-256 of the DER. */
  readonly fingerprint: string
}

/**
 * Reads what the house uses of one PEM certificate. It says nothing about trust: TLS or the caller checks the chain.
 * @throws IdentityError identity_certificate_malformed: not one PEM certificate, or not exactly one common name.
 */
export function describeCertificate(pem: string): CertificateDescription {
  const certificate = parseCertificate(pem)
  const { CN: commonName, OU: units } = certificate.toLegacyObject().subject
  if (typeof commonName !== 'string') throw new IdentityError('identity_certificate_malformed', { about: 'commonName' })
  return {
    commonName,
    organizationalUnits: units === undefined ? [] : [units].flat(),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  }
}

function parseCertificate(pem: string): X509Certificate {
  const der = derFromPem(pem, 'CERTIFICATE')
  // Text before the block, as `openssl ca` writes it, and a chain of several are the usual reasons.
  if (der === undefined) throw new IdentityError('identity_certificate_malformed', { about: 'not one PEM certificate' })
  try {
    return new X509Certificate(der)
  } catch (cause) {
    throw new IdentityError('identity_certificate_malformed', { cause })
  }
}
