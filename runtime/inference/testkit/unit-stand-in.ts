import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { processTree } from './process-tree.ts'

const entry = fileURLToPath(new URL('../../bin/worker-unit.ts', import.meta.url))
/** Of the walls of the unit, those that the process inside looks for, and the memory that it writes its profile to. */
const walls = [
  ...['--unshare-user', '--unshare-net', '--cap-drop', 'ALL', '--die-with-parent'],
  ...['--dev-bind', '/', '/', '--tmpfs', '/mnt', '--chdir', '/'],
]

/** Plays systemd with `Accept=yes`: each connection gets a process of its own, which has it as descriptor 3. */
export interface UnitStandIn extends AsyncDisposable {
  readonly socket: string
  /** Every process of every unit that was started and is still there. */
  processes(): number[]
  started(): number
}

/** @param without walls that are left out */
export async function standInForUnits(
  kind: 'model' | 'image' = 'model',
  without: readonly string[] = [],
): Promise<UnitStandIn> {
  const folder = mkdtempSync(join(tmpdir(), 'wardstone-units-'))
  const socket = join(folder, `${kind}.sock`)
  const units: ChildProcess[] = []
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (connection) => {
    const args = [
      ...walls.filter((wall) => !without.includes(wall)),
      process.execPath,
      '--disable-sigusr1',
      entry,
      kind,
    ]
    units.push(spawn('bwrap', args, { env: { LISTEN_FDS: '1' }, stdio: ['ignore', 'ignore', 'inherit', connection] }))
    connection.destroy()
  })
  await once(server.listen(socket), 'listening')
  const living = () => units.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
  return {
    socket,
    started: () => units.length,
    processes: () => living().flatMap(({ pid }) => processTree(pid ?? 0)),
    [Symbol.asyncDispose]: async () => {
      server.close()
      const ends = living().map((unit) => once(unit, 'exit'))
      for (const unit of units) unit.kill('SIGKILL')
      await Promise.all(ends)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
