import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readSources, root } from '../../house/source-tree.ts'
import { findIsolation } from '../inference/isolation.ts'
import type { WallFindings } from '../inference/testkit/wall-probe.ts'
import { decoderTenant } from './image-decoder.ts'

const probe = join(root, 'runtime/inference/testkit/wall-probe.ts')

it('the process that decodes reaches no socket, no secret, no other process, and writes nowhere of ours', async () => {
  const server = createServer((socket) => socket.end())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const unixSocket = join(mkdtempSync(join(tmpdir(), 'walls-')), 'egress.sock')
  const unix = createServer((socket) => socket.end())
  await once(unix.listen(unixSocket), 'listening')
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
    unixSocket,
    read: [
      `/proc/${process.pid}/mem`,
      '/etc/passwd',
      '/etc/hosts',
      ...['models/package', 'models/contract/schema.ts', 'runtime/access', 'device/crypto', 'package-lock.json']
        .concat(['node_modules/onnxruntime-node', 'node_modules/zod', '.git'])
        .map((path) => join(root, path)),
      unixSocket,
    ],
    write: [
      ...['runtime/images', 'models/contract/image', 'node_modules/@cornerstonejs/codec-charls'].map((path) =>
        join(root, path, 'wardstone-probe'),
      ),
      ...['/usr/lib', '/dev/shm', '/', '/etc', root, '/proc'].map((path) => join(path, 'wardstone-probe')),
    ],
    signal: process.pid,
  })
  const [found] = (await once(child, 'message')) as [WallFindings]
  child.disconnect()
  await once(child, 'exit')
  server.close()
  unix.close()
  expect(found.tcp).toBe('ECONNREFUSED')
  expect(found.unix).toBe('ENOENT')
  expect(Object.values(found.read).filter((code) => code === 'ok')).toEqual([])
  // Where the project itself lies below /tmp, its folder is writable in there, and is not ours: a /tmp of the process's own.
  const written = Object.entries(found.write).filter(([path, code]) => code === 'ok' && existsSync(path))
  expect(written).toEqual([])
  expect(found.signal).toBe('ESRCH')
  expect(found.processes).toHaveLength(2)
  expect(found.status).toMatch(/^CapEff:\s0+$/m)
  expect(found.status).toMatch(/^NoNewPrivs:\s1$/m)
})

it('what it loads is what it may read, and no library of schemas: that would be most of its start', () => {
  const files = new Map(readSources(['device', 'models', 'runtime']).map((file) => [file.path, file]))
  const loaded = new Set<string>()
  const packages = new Set<string>()
  const load = (path: string): void => {
    if (loaded.has(path)) return
    loaded.add(path)
    for (const { specifier, target, typeOnly } of files.get(path)?.imports ?? []) {
      if (typeOnly) continue
      if (target !== undefined) load(target)
      else packages.add(specifier)
    }
  }
  load('runtime/bin/image-decoder.ts')
  const isReadable = (path: string): boolean =>
    decoderTenant.sources.some((source) => path === source || path.startsWith(`${source}/`))
  expect(loaded.size).toBeGreaterThan(40)
  expect([...loaded].filter((path) => !isReadable(path))).toEqual([])
  const isKnown = (name: string): boolean =>
    name.startsWith('node:') || decoderTenant.packages.some((each) => name.startsWith(`${each}/`))
  expect([...packages].filter((name) => !isKnown(name))).toEqual([])
})
