import type { CertificateDescription } from '../identity/certificate.ts'
import type { RenewalState } from '../identity/renewal.ts'
import { daysLeft, expiresSoon, renewalAtMs, validityState } from '../identity/validity.ts'
import type { Concern, Severity } from '../platform/concern.ts'
import { type DeviceBuckets, usedPercent } from '../telemetry/buckets.ts'
import type { DeviceSample } from '../telemetry/telemetry.ts'
import { type Posture, postureConcerns } from './posture.ts'

/** The device certificate and where its renewal stands. Names and dates only; never a key. */
export interface IdentityReport {
  /** `none`: the configuration names no identity, and there is none in the usual place. */
  readonly state: 'in force' | 'not yet valid' | 'expired' | 'unusable' | 'none'
  readonly commonName: string | null
  /** Lowercase hex SHA-256 of the certificate. */
  readonly fingerprint: string | null
  readonly notBefore: string | null
  readonly notAfter: string | null
  /** Whole days until it expires; negative after that. */
  readonly daysLeft: number | null
  /** When the next one is asked for. */
  readonly renewAt: string | null
  readonly renewal: RenewalState['state'] | 'none'
  /** Path of the request that waits for a certificate. */
  readonly request: string | null
  /** What is wrong with the identity, the certificate that arrived, or the files: one word or code. */
  readonly about: string | null
}

export interface DeviceReport {
  /** When the report was made; the sample has its own time. */
  readonly at: string
  readonly sample: DeviceSample | null
  readonly buckets: DeviceBuckets
  readonly posture: Posture
  readonly identity: IdentityReport
  /** One sentence or two a person can act on, per fault. */
  readonly faults: readonly string[]
}

const NOTHING = {
  commonName: null,
  fingerprint: null,
  notBefore: null,
  notAfter: null,
  daysLeft: null,
  renewAt: null,
  renewal: 'none',
  request: null,
  about: null,
} as const

export const noIdentity: IdentityReport = { state: 'none', ...NOTHING }

export function unusableIdentity(about: string): IdentityReport {
  return { ...NOTHING, state: 'unusable', about }
}

/** Pure: a certificate and its renewal, as of `nowMs`. */
export function describeIdentity(
  certificate: CertificateDescription,
  renewal: RenewalState,
  nowMs: number,
): IdentityReport {
  return {
    state: validityState(certificate, nowMs),
    commonName: certificate.commonName,
    fingerprint: certificate.fingerprint,
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    daysLeft: daysLeft(certificate, nowMs),
    renewAt: new Date(renewalAtMs(certificate)).toISOString(),
    renewal: renewal.state,
    request: 'request' in renewal ? renewal.request : null,
    about: 'about' in renewal ? renewal.about : null,
  }
}

/** Pure: what is wrong with the identity and what to do; these are faults of the box's health too. */
export function identityConcerns(
  report: IdentityReport,
  certificate: CertificateDescription | undefined,
  nowMs: number,
): Concern[] {
  const { state, notAfter, request, about } = report
  const concerns: Concern[] = []
  const add = (code: string, severity: Severity, text: string, todo: string) =>
    concerns.push({ code: `device_certificate_${code}`, severity, text, todo })
  if (state === 'unusable') {
    const text = `The device certificate cannot be used (${about}).`
    add('unusable', 'limit', text, 'Restore its files, or enrol the device again.')
  }
  if (state === 'not yet valid') {
    const text = 'The device certificate is not valid yet.'
    add('early', 'limit', text, 'Set the clock of the box, or enrol the device again.')
  }
  if (state === 'expired')
    add('expired', 'limit', `The device certificate expired on ${dayOf(notAfter)}.`, howToIssue(request))
  if (report.renewal === 'refused') {
    const text = `The certificate beside ${request} is not the one asked for (${about}).`
    add('foreign', 'watch', text, 'Remove it and have another issued.')
  }
  if (report.renewal === 'failed') {
    const text = `The device certificate cannot be renewed: its files cannot be written (${about}).`
    add('unwritable', 'watch', text, 'Look at the free space and the owner of its folder.')
  }
  if (state === 'in force' && certificate !== undefined && expiresSoon(certificate, nowMs)) {
    const text = `The device certificate expires on ${dayOf(notAfter)}, and no new one has been issued that fits.`
    add('expiring', 'watch', text, howToIssue(request))
  }
  return concerns
}

function howToIssue(request: string | null): string {
  return request === null
    ? 'Enrol the device again.'
    : `Have the authority of the fleet sign ${request}, and put the certificate beside it as certificate.pem.`
}

function dayOf(moment: string | null): string {
  return moment?.slice(0, 10) ?? 'an unknown day'
}

const FULL_DISK_PERCENT = 90
const FULL_MEMORY_PERCENT = 95
const HOT_CELSIUS = 95

/** Pure: what a sample and the posture give cause to say. */
export function machineConcerns(sample: DeviceSample | undefined, posture: Posture): Concern[] {
  return [...(sample === undefined ? [] : sampleConcerns(sample)), ...postureConcerns(posture)]
}

function sampleConcerns({ disks, memory, temperatureCelsius, gpus, missing }: DeviceSample): Concern[] {
  const watch = (code: string, text: string, todo: string) => ({ code, severity: 'watch', text, todo }) as const
  const concerns: Concern[] = disks
    .filter(({ totalBytes, freeBytes }) => (usedPercent(totalBytes, freeBytes) ?? 0) >= FULL_DISK_PERCENT)
    .map(({ path }) => ({
      ...watch(
        'device_disk_nearly_full',
        `The volume of ${path} is nearly full.`,
        'Free space: with a full disk the box decides nothing.',
      ),
      about: path,
    }))
  if ((usedPercent(memory?.totalBytes, memory?.availableBytes) ?? 0) >= FULL_MEMORY_PERCENT)
    concerns.push(watch('device_memory_nearly_used', 'The memory is nearly used up.', 'Look for what takes it.'))
  const hottest = [temperatureCelsius, ...gpus.map((gpu) => gpu.temperatureCelsius)]
  if (hottest.some((celsius) => celsius !== null && celsius >= HOT_CELSIUS))
    concerns.push(watch('device_too_hot', 'The machine is too hot.', 'Look at its fans and its air.'))
  const unread = missing.filter(({ isAbsent }) => !isAbsent)
  const readings = unread.map(({ source, why }) => ({
    ...watch(
      'device_reading_missing',
      `A reading is missing: ${source} (${why}).`,
      'Look at the sensor or the driver behind it; decisions do not need it.',
    ),
    about: source,
  }))
  return [...concerns, ...readings]
}
