import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { findIsolation } from '../inference/isolation.ts'
import type { WallFindings } from '../inference/testkit/wall-probe.ts'
import { decoderTenant } from './image-decoder.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const probe = join(root, 'runtime/inference/testkit/wall-probe.ts')

it('the process that decodes reaches no socket, no secret, no other process, and writes nowhere of ours', async () => {
  const server = createServer((socket) => socket.end())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const tenant = { ...decoderTenant, sources: [...decoderTenant.sources, 'runtime/inference/testkit'] }
  const { command } = findIsolation(2 ** 30, 1, 'bubblewrap', undefined, tenant)
  const { file, args, env } = command(probe)
  // Without Node's permissions: only the walls themselves are asked.
  const walls = args.filter((arg) => !/^--(permission|allow-)/.test(arg))
  const child = spawn(file, walls, {
    env,
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  child.send({
    tcpPort: (server.address() as { port: number }).port,
    udpPort: 9,
    unixSocket: '/nowhere/socket',
    read: [
      `/proc/${process.pid}/mem`,
      '/etc/passwd',
      join(root, 'models'),
      join(root, 'node_modules/onnxruntime-node'),
    ],
    write: [join(root, 'runtime/images/wardstone-probe'), '/usr/lib/wardstone-probe', '/dev/shm/wardstone-probe'],
    signal: process.pid,
  })
  const [found] = (await once(child, 'message')) as [WallFindings]
  child.disconnect()
  await once(child, 'exit')
  server.close()
  expect(found.tcp).toBe('ECONNREFUSED')
  expect(Object.values(found.read).filter((code) => code === 'ok')).toEqual([])
  expect(Object.values(found.write).filter((code) => code === 'ok')).toEqual([])
  expect(found.signal).toBe('ESRCH')
  expect(found.status).toMatch(/^CapEff:\s0+$/m)
})
