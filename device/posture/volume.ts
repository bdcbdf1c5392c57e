import type { System } from '../telemetry/system.ts'
import { type Encryption, inspectBlockDevice } from './block-device.ts'

const MAX_MOUNTINFO_BYTES = 4 * 1024 * 1024
const IN_MEMORY = ['tmpfs', 'ramfs']

export interface Mount {
  readonly id: number
  /** `major:minor`; major 0 where no block device of its own stands behind the file system. */
  readonly device: string
  readonly fileSystem: string
}

/** Whether the volume that holds a file or folder is encrypted by dm-crypt. */
export async function inspectVolume(system: System, path: string): Promise<Encryption> {
  const id = await system.mountId(path)
  if (id.state !== 'found')
    return unknown(`the volume of ${path} cannot be found (${id.state === 'absent' ? 'no such file' : id.why})`)
  const mounts = await system.readText('/proc/self/mountinfo', MAX_MOUNTINFO_BYTES)
  if (mounts.state !== 'found') return unknown('/proc/self/mountinfo cannot be read')
  const mount = findMount(mounts.value, id.value)
  if (mount === undefined) return unknown(`/proc/self/mountinfo does not list the volume of ${path}`)
  if (IN_MEMORY.includes(mount.fileSystem)) return unknown(`${path} is kept in memory (${mount.fileSystem})`)
  if (mount.device.startsWith('0:')) return unknown(`${mount.fileSystem} does not say on which disk ${path} is`)
  return inspectBlockDevice(system, `/sys/dev/block/${mount.device}`)
}

/**
 * The mount with this number; pure. The kernel's own number is taken instead of comparing paths: a mount may be hidden by
 * another, and a path may lead elsewhere by a link. proc_pid_mountinfo(5): id parent major:minor root point options … - type …
 */
export function findMount(mountinfo: string, id: number): Mount | undefined {
  for (const line of mountinfo.split('\n')) {
    const [, number, device, fileSystem] = /^(\d+) \d+ (\d+:\d+) .* - ([^ ]+) /.exec(line) ?? []
    if (Number(number) === id && device !== undefined && fileSystem !== undefined) return { id, device, fileSystem }
  }
  return undefined
}

function unknown(why: string): Encryption {
  return { answer: 'cannot tell', why }
}
