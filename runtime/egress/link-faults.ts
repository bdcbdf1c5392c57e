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

const certificateFaults: Readonly<Record<FleetLink['certificate'], string | undefined>> = {
  'in order': undefined,
  'expires soon':
    'The certificate that the box shows the fleet expires soon. Have the authority of the fleet sign the request that lies beside it (docs/operations.md).',
  expired:
    'The certificate that the box shows the fleet has expired: the fleet hears nothing. Have the request beside it signed (docs/operations.md).',
  'issued wrongly':
    'The certificate that was issued for the way to the fleet is not the one asked for. Remove it and have another issued.',
  'not renewable':
    'The certificate that the box shows the fleet cannot be renewed: its files are damaged or cannot be written. See the log of egress.',
}

/** One sentence a person can act on, per fault; pure. Nothing of this keeps a decision from being made. */
export function linkFaults({ silentSeconds, fleet }: LinkView): string[] {
  if (silentSeconds >= SILENT_TOO_LONG_S)
    return [`Egress has not answered for ${spanOf(silentSeconds)}; what may leave waits in the box. See its log.`]
  if (fleet === undefined) return []
  const faults: string[] = []
  if (!fleet.isConnected && fleet.seconds >= AWAY_TOO_LONG_S)
    faults.push(
      `The broker of the fleet has not been reached for ${spanOf(fleet.seconds)}; ${fleet.waiting} records wait, and none is lost. See the log of egress.`,
    )
  const certificate = certificateFaults[fleet.certificate]
  return certificate === undefined ? faults : [...faults, certificate]
}

function spanOf(seconds: number): string {
  if (seconds < 7200) return `${Math.floor(seconds / 60)} minutes`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} hours` : `${Math.floor(seconds / 86_400)} days`
}
