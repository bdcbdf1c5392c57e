import type { CertificateDescription } from './certificate.ts'

export type Validity = Pick<CertificateDescription, 'notBefore' | 'notAfter' | 'fingerprint'>
export type ValidityState = 'not yet valid' | 'in force' | 'expired'

const DAY_MS = 86_400_000
/** From two thirds of the lifetime on there is a third left to notice that nothing is issued. */
const RENEW_FROM = 2 / 3
/** Devices that were enrolled on one day must not ask on one day: each waits up to this part of the lifetime longer. */
const JITTER = 1 / 12
const WARN_DAYS = 30

export function validityState({ notBefore, notAfter }: Validity, nowMs: number): ValidityState {
  if (nowMs < notBefore.getTime()) return 'not yet valid'
  // RFC 5280 section 4.1.2.5: both ends are included.
  return nowMs > notAfter.getTime() ? 'expired' : 'in force'
}

/** When the next certificate is asked for; the same moment each time for one certificate, another for each device. */
export function renewalAtMs({ notBefore, notAfter, fingerprint }: Validity): number {
  const lifetimeMs = notAfter.getTime() - notBefore.getTime()
  const share = Number.parseInt(fingerprint.slice(0, 8), 16) / 2 ** 32
  return Math.round(notBefore.getTime() + lifetimeMs * (RENEW_FROM + share * JITTER))
}

/** Pure: whether a new certificate should be asked for. An expired one is still renewed. */
export function renewalDue(certificate: Validity, nowMs: number): boolean {
  return nowMs >= renewalAtMs(certificate)
}

/** Whole days until the certificate expires; negative after that. */
export function daysLeft({ notAfter }: Validity, nowMs: number): number {
  return Math.floor((notAfter.getTime() - nowMs) / DAY_MS)
}

/** Less than 30 days remain, or less than a third of a lifetime that is shorter than 90 days. */
export function expiresSoon(certificate: Validity, nowMs: number): boolean {
  const lifetimeMs = certificate.notAfter.getTime() - certificate.notBefore.getTime()
  const warnMs = Math.min(WARN_DAYS * DAY_MS, lifetimeMs / 3)
  return certificate.notAfter.getTime() - nowMs < warnMs
}
