import type { CryptoProvider } from '../crypto/provider.ts'
import type { Randomness } from '../crypto/randomness.ts'
import type { Clock } from '../platform/clock.ts'
import { errorCode, isWardstoneError } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import { type CertificateDescription, describeCertificate } from './certificate.ts'
import { createCertificateRequest } from './certificate-request.ts'
import { IdentityError } from './errors.ts'
import {
  type IdentityDisk,
  IdentityFolder,
  type IdentityPair,
  type NextIdentity,
  systemDisk,
} from './identity-folder.ts'
import { generateIdentityKey } from './identity-key.ts'
import { isPair, verifyIssuedCertificate } from './issued-certificate.ts'
import { renewalDue } from './validity.ts'

export interface RenewalOptions {
  readonly provider: CryptoProvider
  readonly randomness: Randomness
  readonly clock: Clock
  readonly log: Log
  /** Paths of the files that the programs read. */
  readonly key: string
  readonly certificate: string
  /** PEM of the one authority that may issue for this device. */
  readonly authorityPem: string
  readonly disk?: IdentityDisk
}

export type RenewalState =
  /** Nothing to do yet. */
  | { readonly state: 'not due' }
  /** A request waits at `request` for its certificate. */
  | { readonly state: 'requested'; readonly request: string }
  /** A certificate arrived that does not fit; the old one stays in use. */
  | { readonly state: 'refused'; readonly request: string; readonly about: string }
  /** The files could not be written; the old pair stays in use. */
  | { readonly state: 'failed'; readonly about: string }

export interface IdentityCheck {
  /** The certificate in use after the check. */
  readonly certificate: CertificateDescription
  readonly renewal: RenewalState
}

const ORGANIZATION = 'Wardstone device'

/**
 * One round of renewal, to be called on a timer and at start: it picks up where a killed process stopped. The key is made
 * here and never leaves; the request is put beside the identity, and the certificate is taken from beside the request
 * only when it is the one that was asked for. One caller at a time.
 * @throws IdentityError identity_unusable: there is no usable pair to go on from
 */
export async function renewIdentity(options: RenewalOptions): Promise<IdentityCheck> {
  const { clock, log } = options
  const folder = new IdentityFolder(options, options.randomness, options.disk ?? systemDisk)
  const pair = openPair(folder)
  try {
    folder.tidy()
    const next = usableNext(folder, pair)
    if (next?.issuedPem !== undefined) return takeIssued(folder, pair, { ...next, issuedPem: next.issuedPem }, options)
    if (next === undefined && !renewalDue(pair.certificate, clock.nowMs()))
      return { certificate: pair.certificate, renewal: { state: 'not due' } }
    if (next === undefined) await makeRequest(folder, pair.certificate, options)
    return { certificate: pair.certificate, renewal: { state: 'requested', request: folder.requestPath } }
  } catch (error) {
    const about = isWardstoneError(error) ? error.code : ((error as NodeJS.ErrnoException).code ?? 'internal')
    log.error('identity-renewal-failed', { about })
    // The switch may have happened before the fault: what is in use is read again.
    return { certificate: openPair(folder).certificate, renewal: { state: 'failed', about } }
  }
}

interface OpenPair extends IdentityPair {
  readonly certificate: CertificateDescription
}

function openPair(folder: IdentityFolder): OpenPair {
  let pair: IdentityPair | undefined
  try {
    pair = folder.readPair()
  } catch (cause) {
    throw new IdentityError('identity_unusable', { cause })
  }
  if (pair === undefined) throw new IdentityError('identity_unusable', { about: 'missing' })
  if (!isPair(pair.certificatePem, pair.keyPem)) throw new IdentityError('identity_unusable', { about: 'pair' })
  return { ...pair, certificate: describeCertificate(pair.certificatePem) }
}

/** What is asked for; a request of the key that is in use already is the rest of a switch, and is removed. */
function usableNext(folder: IdentityFolder, pair: IdentityPair): NextIdentity | undefined {
  const next = folder.readNext()
  if (next === undefined || next.keyPem !== pair.keyPem) return next
  folder.removeNext()
  return undefined
}

async function makeRequest(
  folder: IdentityFolder,
  { commonName }: CertificateDescription,
  { provider, log }: RenewalOptions,
): Promise<void> {
  const { privatePem } = await generateIdentityKey(provider)
  const request = await createCertificateRequest(provider, privatePem, { commonName, organization: ORGANIZATION })
  folder.writeNext(privatePem, request)
  log.info('identity-renewal-requested')
}

function takeIssued(
  folder: IdentityFolder,
  pair: OpenPair,
  next: { readonly keyPem: string; readonly issuedPem: string },
  { authorityPem, clock, log }: RenewalOptions,
): IdentityCheck {
  const { commonName, organizationalUnits } = pair.certificate
  const expected = { authorityPem, commonName, organizationalUnits, keyPem: next.keyPem, nowMs: clock.nowMs() }
  let issued: CertificateDescription
  try {
    issued = verifyIssuedCertificate(next.issuedPem, expected)
  } catch (error) {
    const about = isWardstoneError(error) ? (error.about ?? error.code) : errorCode(error)
    log.warn('identity-certificate-refused', { code: errorCode(error) })
    return {
      certificate: pair.certificate,
      renewal: { state: 'refused', request: folder.requestPath, about },
    }
  }
  // What was verified is what is written: the file beside the request may change under our hands.
  folder.switchTo({ keyPem: next.keyPem, certificatePem: next.issuedPem }, pair)
  log.info('identity-switched', { fingerprint: issued.fingerprint })
  return { certificate: issued, renewal: { state: 'not due' } }
}
