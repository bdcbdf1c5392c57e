import { createDecipheriv, createHash, hkdfSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { packageErrors } from './errors.ts'
import { openPackage } from './open.ts'
import { NOW_MS } from './testkit/package-site.ts'
import { exampleDeviceId, workedExample } from './testkit/worked-example.ts'

const page = readFileSync(fileURLToPath(new URL('../../docs/package-format.md', import.meta.url)), 'utf8')

/** The fenced blocks of the page by name, as printed. */
const printed = Object.fromEntries(
  [...page.matchAll(/^```text ([a-z ]+)\n([\s\S]*?)\n```$/gm)].map(([, name, text]) => [name!, text!]),
)
const bytesOf = (name: string) => Buffer.from(printed[name]!.replace(/\s/g, ''), 'hex')
const examplePackage = () => Buffer.concat([bytesOf('header'), Buffer.from(printed.manifest!), bytesOf('payload')])
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('the example of docs/package-format.md', () => {
  test('is what packing and signing make of the same numbers, byte for byte', async () => {
    expect(printed).toEqual((await workedExample()).blocks)
  })

  test('has the hashes it prints', () => {
    const text = `package  ${hash(examplePackage())}\nmanifest ${hash(Buffer.from(printed.manifest!))}`
    expect(text).toBe(printed.hashes)
  })

  test('decrypts with the keys and nonces it prints', () => {
    const { salt } = JSON.parse(printed.manifest!).encryption
    const rows = [...page.matchAll(/^\| `(\w+)` \(index (\d)\) +\| `([0-9a-f]{64})` +\| `([0-9a-f]{24})` +\|$/gm)]
    const plaintexts = rows.map(([, role, index, key = '', nonce = '']) => {
      const info = Buffer.concat([Buffer.from('wardstone/v1/file'), Buffer.from([0, 0, 0, Number(index)])])
      const derived = Buffer.from(hkdfSync('sha256', bytesOf('content key'), Buffer.from(salt, 'hex'), info, 32))
      expect(derived.toString('hex')).toBe(key)
      const sealed = index === '0' ? bytesOf('payload').subarray(0, 21) : bytesOf('payload').subarray(21)
      const decipher = createDecipheriv('aes-256-gcm', derived, Buffer.from(nonce, 'hex'))
      decipher.setAuthTag(sealed.subarray(-16))
      return [role, decipher.update(sealed.subarray(0, -16)).toString() + decipher.final().toString()]
    })
    expect(plaintexts).toEqual([
      ['model', 'hello'],
      ['licence', ''],
    ])
  })

  test('opens as a package on the device it is for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wardstone-example-'))
    const paths = { package: join(folder, 'p'), image: join(folder, 'i'), grant: join(folder, 'g') }
    writeFileSync(paths.package, examplePackage())
    writeFileSync(paths.image, printed.image!)
    writeFileSync(paths.grant, printed.grant!)
    const { vendor, fleet, recipient } = await workedExample()
    const history = { floor: () => undefined, wasActivated: () => false, imageVersion: 1 }
    const device = { deviceId: exampleDeviceId, recipient, runtimeVersion: '0.1.0', nowMs: NOW_MS }
    const trust = { vendor: vendor.verifier, fleet: fleet.verifier, ...device, ...history }
    try {
      const opened = await openPackage(paths, trust)
      expect(opened.readFile('model').toString()).toBe('hello')
      expect(Buffer.from(opened.contentKey).equals(bytesOf('content key'))).toBe(true)
      opened.close()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

test('the page names every code with which a package is refused', () => {
  const missing = Object.keys(packageErrors).filter((code) => !page.includes(`\`${code}\``))
  expect(missing).toEqual([])
})
