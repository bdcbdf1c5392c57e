import type { System } from '../telemetry/system.ts'
import { type Finding, fault, good, unknown } from './finding.ts'
import { inspectVolume } from './volume.ts'

/** The volume of the data, by dm-crypt. A drive that encrypts itself cannot be seen from here, and is not counted. */
export async function inspectDiskEncryption(system: System, dataPath: string): Promise<Finding> {
  const { answer, why } = await inspectVolume(system, dataPath)
  if (answer === 'encrypted') return good('yes', `The volume of the data is encrypted: ${why}.`)
  if (answer === 'cannot tell') return unknown(`Whether the volume of the data is encrypted cannot be seen: ${why}.`)
  return fault(
    'no',
    `The volume of the data is not encrypted: ${why}.`,
    'Put the data on a LUKS volume. The database is encrypted all the same; the files with its keys are not.',
  )
}
