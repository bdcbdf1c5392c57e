import { basename } from 'node:path/posix'
import type { System } from '../telemetry/system.ts'
import { type Encryption, inspectBlockDevice } from './block-device.ts'
import { type Finding, fault, good, unknown } from './finding.ts'
import { inspectVolume } from './volume.ts'

const MAX_BYTES = 65_536
const TODO = 'Switch it off (swapoff -a) and remove it from /etc/fstab, or put it on an encrypted device.'

interface SwapArea {
  readonly path: string
  readonly isFile: boolean
}

interface Exposure {
  /** Nothing of the area can be read on a disk; false also where that cannot be seen. */
  readonly isHarmless: boolean
  readonly why: string
}

/** Swap: memory with patients' data and keys in it, written to a disk. In memory (zram) or encrypted it does no harm. */
export async function inspectSwap(system: System): Promise<Finding> {
  const swaps = await system.readText('/proc/swaps', MAX_BYTES)
  if (swaps.state === 'unreadable') return unknown(`/proc/swaps cannot be read (${swaps.why}).`)
  if (swaps.state === 'absent') return withoutSupport(system)
  const areas = parseSwaps(swaps.value)
  if (areas === undefined) return unknown('/proc/swaps is not as expected.')
  if (areas.length === 0) return good('no', 'No swap area is in use.')
  const exposures = await Promise.all(areas.map((area) => inspectArea(system, area)))
  const harmful = exposures.filter(({ isHarmless }) => !isHarmless)
  if (harmful.length === 0)
    return good(
      'yes',
      `Swap is on, but nothing of it is readable on a disk: ${exposures.map(({ why }) => why).join('; ')}.`,
    )
  return fault('yes', `Swap is on: ${harmful.map(({ why }) => why).join('; ')}.`, TODO)
}

/** A kernel without swap has no such file; but /proc must be there to say so. */
async function withoutSupport(system: System): Promise<Finding> {
  const meminfo = await system.readText('/proc/meminfo', MAX_BYTES)
  // It must say so: a /proc that is made up, as in some containers, may leave out both.
  return meminfo.state === 'found' && /^SwapTotal: +0 kB$/m.test(meminfo.value)
    ? good('no', 'The kernel has no swap.')
    : unknown('/proc/swaps is not there.')
}

/** proc_swaps(5); pure. Undefined when it is not as the kernel writes it. */
export function parseSwaps(text: string): readonly SwapArea[] | undefined {
  const [head = '', ...lines] = text.split('\n').filter((line) => line !== '')
  if (!/^Filename\s+Type\s+Size/.test(head)) return undefined
  const areas = lines.map((line) => {
    const [, path, type] = /^(\/\S+)\s+(partition|file)\s+\d+\s/.exec(line) ?? []
    return path === undefined ? undefined : { path: unescapePath(path), isFile: type === 'file' }
  })
  return areas.every((area) => area !== undefined) ? areas : undefined
}

async function inspectArea(system: System, { path, isFile }: SwapArea): Promise<Exposure> {
  if (isFile) return named(path, await inspectVolume(system, path))
  const folder = `/sys/class/block/${basename(path)}`
  if (/^zram\d+$/.test(basename(path))) return inspectZram(system, path, folder)
  return named(path, await inspectBlockDevice(system, folder))
}

/** zram is compressed memory, unless it has been given a device to write back to. */
async function inspectZram(system: System, path: string, folder: string): Promise<Exposure> {
  // Only a device that the kernel shows, and as zram, is one: the name alone can be given to any disk.
  const size = await system.readText(`${folder}/disksize`, MAX_BYTES)
  if (size.state !== 'found') return { isHarmless: false, why: `${path}: the kernel shows no such zram` }
  const backing = await system.readText(`${folder}/backing_dev`, MAX_BYTES)
  // A kernel without write-back has no such file.
  const isMemory = backing.state === 'absent' || (backing.state === 'found' && backing.value.trim() === 'none')
  return isMemory
    ? { isHarmless: true, why: `${path}: in memory (zram)` }
    : { isHarmless: false, why: `${path}: zram that may write to a disk` }
}

function named(path: string, { answer, why }: Encryption): Exposure {
  return { isHarmless: answer === 'encrypted', why: `${path}: ${why}` }
}

/** The kernel writes white space and backslashes in octal. */
function unescapePath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
