import { createSocket } from 'node:dgram'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { connect } from 'node:net'

/** What a process behind the walls tries, each answered with `ok` or the system's error code. */
export interface WallAttempts {
  readonly tcpPort: number
  readonly udpPort: number
  readonly unixSocket: string
  readonly read: readonly string[]
  readonly write: readonly string[]
  readonly signal: number
}

export interface WallFindings {
  readonly tcp: string
  readonly udp: string
  readonly unix: string
  readonly read: Readonly<Record<string, string>>
  readonly write: Readonly<Record<string, string>>
  readonly signal: string
  readonly processes: readonly string[]
  readonly environment: readonly string[]
  readonly descriptors: readonly string[]
  readonly status: string
}

process.on('disconnect', () => process.exit(0))
process.on('message', async (attempts: WallAttempts) => process.send?.(await findings(attempts)))

async function findings(attempts: WallAttempts): Promise<WallFindings> {
  return {
    tcp: await connection({ host: '127.0.0.1', port: attempts.tcpPort }),
    udp: await datagram(attempts.udpPort),
    unix: await connection({ path: attempts.unixSocket }),
    read: each(attempts.read, (path) => closeSync(openSync(path, 'r'))),
    write: each(attempts.write, (path) => {
      closeSync(openSync(path, 'w'))
      rmSync(path)
    }),
    signal: attempt(() => process.kill(attempts.signal, 0)),
    processes: readdirSync('/proc').filter((name) => /^\d+$/.test(name)),
    environment: readFileSync('/proc/self/environ', 'utf8')
      .split('\0')
      .map((entry) => entry.split('=')[0] ?? '')
      .filter((name) => name !== ''),
    descriptors: readdirSync('/proc/self/fd').map((fd) => {
      let target = ''
      attempt(() => {
        target = readlinkSync(`/proc/self/fd/${fd}`)
      })
      return target
    }),
    status: readFileSync('/proc/self/status', 'latin1'),
  }
}

function each(paths: readonly string[], act: (path: string) => void): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [path, attempt(() => act(path))]))
}

function attempt(act: () => void): string {
  try {
    act()
    return 'ok'
  } catch (error) {
    return codeOf(error)
  }
}

function connection(target: { host: string; port: number } | { path: string }): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(target, () => resolve('ok'))
    socket.on('error', (error) => resolve(codeOf(error)))
  })
}

function datagram(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.send('probe', port, '127.0.0.1', (error) => {
      socket.close()
      resolve(error === null ? 'ok' : codeOf(error))
    })
  })
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code)
}
