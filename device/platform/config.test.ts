import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { loadConfig } from './config.ts'

const schema = z.strictObject({
  listen: z.strictObject({ host: z.string(), port: z.int().min(1).max(65_535) }),
  roles: z.array(z.string()).default([]),
})
let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardstone-config-'))
  path = join(folder, 'runtime.json')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('configuration', () => {
  it('is read and frozen all the way down', () => {
    writeFileSync(path, JSON.stringify({ listen: { host: 'localhost', port: 8443 }, roles: ['nurse'] }))
    const config = loadConfig(path, schema)
    expect(config).toEqual({ listen: { host: 'localhost', port: 8443 }, roles: ['nurse'] })
    expect([config, config.listen, config.roles].every(Object.isFrozen)).toBe(true)
  })

  it('reports every fault at once, each with its place, an unknown key among them', () => {
    writeFileSync(path, JSON.stringify({ listen: { host: 7, port: 0, tls: false }, roles: 'nurse', debug: true }))
    const faults = faultsOf(() => loadConfig(path, schema))
    expect(faults).toMatchObject({ name: 'PlatformError', code: 'config_invalid' })
    for (const place of ['listen.host', 'listen.port', 'roles', '"tls"', '"debug"']) {
      expect(faults).toHaveProperty('about', expect.stringContaining(place))
    }
  })

  it.each([
    ['empty', ''],
    ['not JSON', '{listen}'],
    ['cut off', '{"listen":{"host":'],
    ['larger than a configuration may be', `"${'x'.repeat(256 * 1024)}"`],
  ])('is refused when %s', (_name, text) => {
    writeFileSync(path, text)
    expect(faultsOf(() => loadConfig(path, schema))).toMatchObject({ code: 'config_unreadable', about: path })
  })

  it('is refused when missing, and when it is something else altogether', () => {
    expect(faultsOf(() => loadConfig(path, schema))).toMatchObject({ code: 'config_unreadable' })
    for (const text of ['null', '[]', '7']) {
      writeFileSync(path, text)
      expect(faultsOf(() => loadConfig(path, schema))).toMatchObject({ code: 'config_invalid' })
    }
  })
})

function faultsOf(attempt: () => unknown): unknown {
  try {
    return attempt()
  } catch (error) {
    return error
  }
}
