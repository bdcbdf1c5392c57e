import { createPrivateKey, X509Certificate as OpensslCertificate } from 'node:crypto'
import { derFromPem, pemFromDer } from '../crypto/pem.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { type AlternativeName, alternativeNames, verifyName } from './certificate-names.ts'
import { verifyCertificateRequest } from './certificate-request.ts'
import { IdentityError } from './errors.ts'
import { generateIdentityKey, importIdentityPublicKey, keyIdentifier, loadIdentityKeys } from './identity-key.ts'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type Name,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from './x509-library.ts'

/** A certificate authority held in files: for a development site, and for a hospital without one of its own. */
export interface Authority {
  readonly certificatePem: string
  readonly privatePem: string
}

export type CertificateProfile = 'server' | 'client' | 'device'

export interface CertificateOptions {
  readonly profile: CertificateProfile
  readonly commonName: string
  /** The role of a client; a client certificate carries exactly one. */
  readonly organizationalUnit?: string | undefined
  readonly dnsNames?: readonly string[] | undefined
  readonly ipAddresses?: readonly string[] | undefined
  /** Validity from now on, whole days; never beyond the authority's own. */
  readonly days: number
  readonly nowMs: number
}

interface Issuer {
  readonly subject: Name
  readonly keyId: string | undefined
  readonly notAfterMs: number
}

const DAY_MS = 86_400_000
const MAX_DAYS = 7300
/** A certificate is valid a little before it is made: the clock of the box that checks it may be behind. */
const BACKDATE_MS = 5 * 60_000
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' }

/**
 * A self-signed root that may sign leaf certificates only (path length 0), with a fresh key.
 * @throws IdentityError identity_name_invalid | identity_validity_invalid
 */
export async function createAuthority(
  provider: CryptoProvider,
  { commonName, days, nowMs }: { commonName: string; days: number; nowMs: number },
): Promise<Authority> {
  verifyName(commonName, 'commonName')
  verifyDays(days)
  const { privatePem } = await generateIdentityKey(provider)
  const keys = await loadIdentityKeys(provider, privatePem)
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(provider),
      name: [{ CN: [commonName] }],
      keys,
      signingAlgorithm: SIGNING,
      notBefore: new Date(nowMs - BACKDATE_MS),
      notAfter: new Date(nowMs + days * DAY_MS),
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        new SubjectKeyIdentifierExtension(keyIdentifier(keys.spki)),
      ],
    },
    provider,
  )
  return { certificatePem: pemFromDer(new Uint8Array(certificate.rawData), 'CERTIFICATE'), privatePem }
}

/**
 * Issues a leaf certificate (RFC 5280) for the key of a request. Every name comes from `options`, none from the request.
 * @throws IdentityError identity_request_invalid | identity_name_invalid | identity_validity_invalid | identity_authority_invalid
 */
export async function issueCertificate(
  provider: CryptoProvider,
  authority: Authority,
  requestPem: string,
  options: CertificateOptions,
): Promise<string> {
  const names = verifyOptions(options)
  const issuer = openAuthority(authority, options.nowMs)
  const issuerKeys = await loadIdentityKeys(provider, authority.privatePem)
  const spki = await verifyCertificateRequest(provider, requestPem)
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(provider),
      subject: subjectOf(options),
      issuer: issuer.subject,
      publicKey: await importIdentityPublicKey(provider, spki),
      signingKey: issuerKeys.privateKey,
      signingAlgorithm: SIGNING,
      notBefore: new Date(options.nowMs - BACKDATE_MS),
      notAfter: new Date(Math.min(options.nowMs + options.days * DAY_MS, issuer.notAfterMs)),
      extensions: leafExtensions(
        options.profile,
        names,
        keyIdentifier(spki),
        issuer.keyId ?? keyIdentifier(issuerKeys.spki),
      ),
    },
    provider,
  )
  return pemFromDer(new Uint8Array(certificate.rawData), 'CERTIFICATE')
}

function verifyOptions(options: CertificateOptions): AlternativeName[] {
  verifyDays(options.days)
  verifyName(options.commonName, 'commonName')
  if (options.organizationalUnit !== undefined || options.profile === 'client') {
    verifyName(options.organizationalUnit ?? '', 'organizationalUnit')
  }
  const names = alternativeNames(options.dnsNames ?? [], options.ipAddresses ?? [])
  // RFC 9525 section 2: a server is known by its alternative names only; without one no client could accept it.
  if (options.profile === 'server' && names.length === 0)
    throw new IdentityError('identity_name_invalid', { about: 'dnsNames' })
  return names
}

function verifyDays(days: number): void {
  if (!Number.isInteger(days) || days < 1 || days > MAX_DAYS) throw new IdentityError('identity_validity_invalid')
}

/** @throws IdentityError identity_authority_invalid: not a CA (RFC 5280 section 4.2.1.9), not in force, or another's key. */
function openAuthority({ certificatePem, privatePem }: Authority, nowMs: number): Issuer {
  const der = authorityDer(certificatePem, privatePem)
  const certificate = new X509Certificate(der)
  const notAfterMs = certificate.notAfter.getTime()
  if (nowMs >= notAfterMs || nowMs < certificate.notBefore.getTime()) {
    throw new IdentityError('identity_authority_invalid', { about: 'validity' })
  }
  // The issuer's name is taken as encoded: path validation compares it (RFC 5280 section 7.1).
  const keyId = certificate.getExtension(SubjectKeyIdentifierExtension)?.keyId
  return { subject: certificate.subjectName, keyId, notAfterMs }
}

function authorityDer(certificatePem: string, privatePem: string): Buffer {
  const der = derFromPem(certificatePem, 'CERTIFICATE')
  if (der === undefined) throw new IdentityError('identity_authority_invalid')
  try {
    const certificate = new OpensslCertificate(der)
    if (certificate.ca && certificate.checkPrivateKey(createPrivateKey(privatePem))) return der
  } catch (cause) {
    throw new IdentityError('identity_authority_invalid', { cause })
  }
  throw new IdentityError('identity_authority_invalid')
}

function subjectOf({ commonName, organizationalUnit }: CertificateOptions): Record<string, string[]>[] {
  const unit = organizationalUnit === undefined ? [] : [{ OU: [organizationalUnit] }]
  return [...unit, { CN: [commonName] }]
}

function leafExtensions(
  profile: CertificateProfile,
  names: readonly AlternativeName[],
  subjectKey: string,
  issuerKey: string,
): Extension[] {
  const purpose = profile === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([purpose], true),
    new SubjectKeyIdentifierExtension(subjectKey),
    new AuthorityKeyIdentifierExtension(issuerKey),
    ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension([...names])]),
  ]
}

/** 126 random bits, positive and of constant length: at least the 64 of CA/Browser BR 7.1, at most the 20 octets of RFC 5280. */
function serialNumber(provider: CryptoProvider): string {
  const bytes = provider.getRandomValues(new Uint8Array(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return Buffer.from(bytes).toString('hex')
}
