import type { System } from '../telemetry/system.ts'
import { type Finding, fault, good, unknown } from './finding.ts'

const MAX_BYTES = 256
const MAX_ENTRIES = 4096
const WITHOUT = 'Without it the keys that the machine starts with are protected by the disk alone.'

/** A TPM of version 2.0, as the kernel has found it. */
export async function inspectTpm(system: System): Promise<Finding> {
  const chips = await system.list('/sys/class/tpm', MAX_ENTRIES)
  if (chips.state === 'unreadable') return unknown(`The TPM cannot be looked for (${chips.why}).`)
  if (chips.state === 'absent' || !chips.value.includes('tpm0')) return withoutChip(system)
  const version = await system.readText('/sys/class/tpm/tpm0/tpm_version_major', MAX_BYTES)
  const major = version.state === 'found' ? version.value.trim() : undefined
  if (major === '2') return good('yes', 'The kernel has found a TPM of version 2.0.')
  if (major === '1')
    return fault(
      'no',
      `There is a TPM, but of version 1.2. ${WITHOUT}`,
      'Switch the TPM to version 2.0 in the firmware setup, where it can be.',
    )
  return unknown('There is a TPM; the kernel does not say of which version.')
}

async function withoutChip(system: System): Promise<Finding> {
  const classes = await system.list('/sys/class', MAX_ENTRIES)
  if (classes.state !== 'found' || classes.value.length === 0) return unknown('/sys is not shown to this process.')
  return fault(
    'no',
    `The kernel has found no TPM. ${WITHOUT}`,
    'Switch the TPM on in the firmware setup, if there is one.',
  )
}
