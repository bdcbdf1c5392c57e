import type { System } from '../telemetry/system.ts'
import { type Finding, fault, good, unknown } from './finding.ts'

const VARIABLES = '/sys/firmware/efi/efivars'
/** EFI_GLOBAL_VARIABLE; UEFI specification 2.10 section 3.3. */
const SECURE_BOOT = 'SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c'
/** Set by shim when its own check of what it starts has been switched off. */
const SHIM_CHECK_OFF = 'MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23'
/** Four bytes of attributes, then the value: one byte. */
const VARIABLE_BYTES = 5
const MAX_VARIABLES = 4096
const SWITCH_ON = 'Switch Secure Boot on in the firmware setup, then start the machine again.'

/** The variable SecureBoot as the firmware set it at this start, and shim's own switch, which can undo it. */
export async function inspectSecureBoot(system: System): Promise<Finding> {
  const variable = await system.readText(`${VARIABLES}/${SECURE_BOOT}`, VARIABLE_BYTES, 'latin1')
  if (variable.state === 'unreadable') return unknown(`The firmware variable cannot be read (${variable.why}).`)
  if (variable.state === 'absent') return withoutVariable(system)
  const value = byteOf(variable.value)
  if (value === 0) return fault('no', 'The firmware says that Secure Boot is off.', SWITCH_ON)
  if (value !== 1) return unknown('The firmware variable holds neither on nor off.')
  return shimCheck(system)
}

async function shimCheck(system: System): Promise<Finding> {
  const shim = await system.readText(`${VARIABLES}/${SHIM_CHECK_OFF}`, VARIABLE_BYTES, 'latin1')
  if (shim.state === 'unreadable') return unknown(`Secure Boot is on, but not whether shim checks (${shim.why}).`)
  if (shim.state === 'found' && byteOf(shim.value) !== 0)
    return fault(
      'no',
      'The firmware checks the boot loader, but the boot loader (shim) has been told not to check the kernel.',
      'Run mokutil --enable-validation, then start the machine again.',
    )
  return good('yes', 'The firmware says that Secure Boot is on.')
}

async function withoutVariable(system: System): Promise<Finding> {
  const variables = await system.list(VARIABLES, MAX_VARIABLES)
  if (variables.state === 'found' && variables.value.length > 0)
    return fault('no', 'The firmware has no Secure Boot.', SWITCH_ON)
  if (variables.state === 'unreadable') return unknown(`The firmware variables cannot be listed (${variables.why}).`)
  const hidden = unknown(
    'The firmware variables are not shown to this process.',
    'Mount efivarfs, and do not hide /sys/firmware from the service.',
  )
  if (variables.state === 'found') return hidden
  return withoutEfi(system, hidden)
}

/** A container shows an empty /sys/firmware: then nothing follows from what is not in it. */
async function withoutEfi(system: System, hidden: Finding): Promise<Finding> {
  const firmware = await system.list('/sys/firmware', MAX_VARIABLES)
  if (firmware.state !== 'found' || firmware.value.length === 0 || firmware.value.includes('efi')) return hidden
  return fault(
    'no',
    'The machine was started without UEFI, so nothing checked what was started.',
    'Set the firmware to UEFI with Secure Boot and install the system again.',
  )
}

function byteOf(variable: string): number | undefined {
  return variable.length === VARIABLE_BYTES ? variable.charCodeAt(4) : undefined
}
