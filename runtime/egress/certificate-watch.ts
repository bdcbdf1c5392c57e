import { IdentityError } from '../../device/identity/errors.ts'
import { type RenewalOptions, renewIdentity } from '../../device/identity/renewal.ts'
import { expiresSoon } from '../../device/identity/validity.ts'
import type { FleetLink } from './handover.ts'

export type CertificateNews = FleetLink['certificate']

/** Egress's own certificate: renewed before it expires, and how it stands for the runtime to tell an engineer. */
export interface CertificateWatch {
  /** Looks once, and from then on by a timer that keeps no process alive. */
  start(): Promise<void>
  news(): CertificateNews
  stop(): void
}

const LOOK_EVERY_MS = 3_600_000

export function watchCertificate(options: RenewalOptions): CertificateWatch {
  let news: CertificateNews = 'in order'
  let timer: NodeJS.Timeout | undefined
  const look = async () => {
    news = await lookOnce(options)
  }
  return {
    start: async () => {
      await look()
      timer = setInterval(() => void look(), LOOK_EVERY_MS).unref()
    },
    news: () => news,
    stop: () => clearInterval(timer),
  }
}

async function lookOnce(options: RenewalOptions): Promise<CertificateNews> {
  try {
    const { certificate, renewal } = await renewIdentity(options)
    const nowMs = options.clock.nowMs()
    if (nowMs > certificate.notAfter.getTime()) return 'expired'
    if (renewal.state === 'refused') return 'issued wrongly'
    if (renewal.state === 'failed') return 'not renewable'
    return expiresSoon(certificate, nowMs) ? 'expires soon' : 'in order'
  } catch (error) {
    if (error instanceof IdentityError) return 'not renewable'
    throw error
  }
}
