import type { System } from '../telemetry/system.ts'

/** Whether dm-crypt stands between a block device and every disk under it. */
export type Encryption =
  | { readonly answer: 'encrypted'; readonly why: string }
  | { readonly answer: 'plain'; readonly why: string }
  | { readonly answer: 'cannot tell'; readonly why: string }

const MAX_DEPTH = 8
const MAX_SLAVES = 64
const MAX_BYTES = 4096

/**
 * What cryptsetup writes in front of a mapping that encrypts. CRYPT-VERITY and CRYPT-INTEGRITY check and do not encrypt,
 * so the prefix CRYPT- alone says nothing.
 */
const ENCRYPTING = /^CRYPT-(LUKS1|LUKS2|PLAIN|LOOPAES|TCRYPT|BITLK|FVAULT2)-/

/**
 * Goes down from a device to what it is made of: an LVM volume on an encrypted disk is encrypted, an array is when all of
 * its parts are.
 * @param folder the device's folder in /sys, such as /sys/dev/block/254:0
 */
export async function inspectBlockDevice(system: System, folder: string, depth = 0): Promise<Encryption> {
  const mapping = await system.readText(`${folder}/dm/uuid`, MAX_BYTES)
  if (mapping.state === 'unreadable') return cannotTell(`the mapping cannot be read (${mapping.why})`)
  const kind = mapping.state === 'found' ? ENCRYPTING.exec(mapping.value)?.[1] : undefined
  if (kind !== undefined) return { answer: 'encrypted', why: `dm-crypt (${kind})` }
  if (depth === MAX_DEPTH) return cannotTell('too many layers of devices')
  const slaves = await system.list(`${folder}/slaves`, MAX_SLAVES)
  if (slaves.state === 'unreadable') return cannotTell(`the devices under it cannot be listed (${slaves.why})`)
  if (slaves.state === 'found' && slaves.value.length > 0)
    return weakest(
      await Promise.all(slaves.value.map((name) => inspectBlockDevice(system, `${folder}/slaves/${name}`, depth + 1))),
    )
  if (mapping.state === 'found') return cannotTell('a mapping that shows nothing under it')
  return inspectBottom(system, folder, depth)
}

/** Something with nothing under it: a disk, a part of one, or a device that hides what it stands on. */
async function inspectBottom(system: System, folder: string, depth: number): Promise<Encryption> {
  const isPart = await system.readText(`${folder}/partition`, MAX_BYTES)
  // The folder of a partition lies in that of its disk; `..` is the kernel's, so the path is not to be tidied up.
  if (isPart.state === 'found') return inspectBlockDevice(system, `${folder}/..`, depth + 1)
  if (isPart.state === 'unreadable') return cannotTell(`the device cannot be read (${isPart.why})`)
  const file = await system.readText(`${folder}/loop/backing_file`, MAX_BYTES)
  if (file.state !== 'absent') return cannotTell('it is a file that is used as a disk')
  const number = await system.readText(`${folder}/dev`, MAX_BYTES)
  if (number.state !== 'found') return cannotTell('the kernel shows no such device')
  return { answer: 'plain', why: 'no dm-crypt between the file system and the disk' }
}

/** One plain part makes the whole plain; one that cannot be told makes the whole so. */
function weakest(parts: readonly Encryption[]): Encryption {
  const plain = parts.find(({ answer }) => answer === 'plain')
  const open = parts.find(({ answer }) => answer === 'cannot tell')
  return plain ?? open ?? parts[0] ?? cannotTell('it has no parts')
}

function cannotTell(why: string): Encryption {
  return { answer: 'cannot tell', why }
}
