import { type Concern, sentenceOf } from '../../device/platform/concern.ts'
import type { FleetLink } from './handover.ts'

/** The way to the fleet as the runtime knows it. */
export interface LinkView {
  /** How long egress has not answered; 0 while it does. */
  readonly silentSeconds: number
  /** What egress said last; undefined before its first answer. */
  readonly fleet: FleetLink | undefined
}

/** A restart of egress, or of a broker, is no fault that a person has to see to. */
const SILENT_TOO_LONG_S = 120
const AWAY_TOO_LONG_S = 900

const certificateConcerns: Readonly<Record<FleetLink['certificate'], Omit<Concern, 'severity'> | undefined>> = {
  'in order': undefined,
  'expires soon': {
    code: 'link_certificate_expiring',
    text: 'The certificate that the box shows the fleet expires soon.',
    todo: 'Have the authority of the fleet sign the request that lies beside it (docs/operations.md).',
  },
  expired: {
    code: 'link_certificate_expired',
    text: 'The certificate that the box shows the fleet has expired: the fleet hears nothing.',
    todo: 'Have the request beside it signed (docs/operations.md).',
  },
  'issued wrongly': {
    code: 'link_certificate_foreign',
    text: 'The certificate that was issued for the way to the fleet is not the one asked for.',
    todo: 'Remove it and have another issued.',
  },
  'not renewable': {
    code: 'link_certificate_unwritable',
    text: 'The certificate that the box shows the fleet cannot be renewed: its files are damaged or cannot be written.',
    todo: 'See the log of egress.',
  },
}

/** What is wrong on the way to the fleet; pure. Nothing of this keeps a decision from being made. */
export function linkConcerns({ silentSeconds, fleet }: LinkView): Concern[] {
  const watch = (concern: Omit<Concern, 'severity'>): Concern => ({ ...concern, severity: 'watch' })
  if (silentSeconds >= SILENT_TOO_LONG_S) {
    const text = `Egress has not answered for ${spanOf(silentSeconds)}; what may leave waits in the box.`
    return [watch({ code: 'egress_silent', text, todo: 'See its log.' })]
  }
  if (fleet === undefined) return []
  const concerns: Concern[] = []
  if (!fleet.isConnected && fleet.seconds >= AWAY_TOO_LONG_S) {
    const text = `The broker of the fleet has not been reached for ${spanOf(fleet.seconds)}; ${fleet.waiting} records wait, and none is lost.`
    concerns.push(watch({ code: 'link_broker_away', text, todo: 'See the log of egress.' }))
  }
  const certificate = certificateConcerns[fleet.certificate]
  return certificate === undefined ? concerns : [...concerns, watch(certificate)]
}

/** One sentence a person can act on, per fault. */
export function linkFaults(view: LinkView): string[] {
  return linkConcerns(view).map(sentenceOf)
}

function spanOf(seconds: number): string {
  if (seconds < 7200) return `${Math.floor(seconds / 60)} minutes`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} hours` : `${Math.floor(seconds / 86_400)} days`
}
