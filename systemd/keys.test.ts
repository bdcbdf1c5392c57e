import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadHpkeRecipient } from '../device/crypto/hpke.ts'
import { createCryptoProvider } from '../device/crypto/provider.ts'
import { loadSigner, loadVerifier } from '../device/crypto/signing.ts'
import { root } from '../house/source-tree.ts'
import { readUnit } from './testkit/unit-file.ts'

let system: string
beforeEach(() => {
  system = mkdtempSync(join(tmpdir(), 'wardstone-keys-'))
})
afterEach(() => rmSync(system, { recursive: true, force: true }))

function makeKeys(...args: string[]) {
  const script = join(root, 'systemd/keys.sh')
  const run = spawnSync('sh', [script, ...args], { env: { PATH: process.env.PATH }, encoding: 'utf8' })
  return { status: run.status, said: run.stdout, complained: run.stderr }
}
const plain = (...args: string[]) => makeKeys('--plain', '--root', system, ...args)
const etc = (name: string) => join(system, 'etc/wardstone', name)

describe('keys.sh', () => {
  it('makes each key that the unit loads, in the form that the runtime reads, and no one else may read them', async () => {
    expect(plain('--name', 'box.example.org')).toMatchObject({ status: 0, complained: '' })
    const loaded = readUnit('wardstone-runtime.service').all('LoadCredentialEncrypted')
    const names = loaded.map((value) => value.slice(0, value.indexOf(':')))
    expect(readdirSync(etc('credentials')).toSorted()).toEqual(names.toSorted())
    for (const name of names) expect(statSync(etc(`credentials/${name}`)).mode & 0o777).toBe(0o600)
    expect(statSync(etc('credentials')).mode & 0o777).toBe(0o700)

    const provider = createCryptoProvider()
    const text = (name: string) => readFileSync(etc(name), 'utf8')
    for (const raw of ['database.key', 'subjects.key']) expect(readFileSync(etc(`credentials/${raw}`))).toHaveLength(32)
    expect(readFileSync(etc('credentials/database.key'))).not.toEqual(readFileSync(etc('credentials/subjects.key')))
    const signer = await loadSigner(provider, text('credentials/log.key'))
    const verifier = await loadVerifier(provider, text('trust/log.pub'))
    expect(verifier.keyId).toBe(signer.keyId)
    const recipient = await loadHpkeRecipient(provider, text('credentials/package.key'))
    expect(Buffer.from(recipient.publicKey).toString('base64')).toBe(text('trust/package.pub'))
    const csr = spawnSync('openssl', ['req', '-in', etc('tls/server.csr'), '-noout', '-verify', '-text'], {
      encoding: 'utf8',
    })
    expect(csr.stdout).toContain('DNS:box.example.org')
    expect(csr.status).toBe(0)
  })

  it('keeps what is there, and makes nothing with --dry-run', () => {
    expect(plain('--name', 'box.example.org', '--dry-run').said).toMatch(/made: database\.key/)
    expect(readdirSync(system)).toEqual([])
    plain('--name', 'box.example.org')
    const before = readdirSync(etc('credentials')).map((name) => readFileSync(etc(`credentials/${name}`), 'hex'))
    const again = plain('--name', 'another.example.org')
    expect(again.said).not.toContain('made')
    expect(readdirSync(etc('credentials')).map((name) => readFileSync(etc(`credentials/${name}`), 'hex'))).toEqual(
      before,
    )
  })

  it('seals keys on no other machine than this, and takes no name that is none', () => {
    expect(makeKeys('--name', 'box', '--root', system).status).toBe(1)
    for (const name of ['', '-x', 'a b', 'x/CN=y', 'a,DNS:b']) expect(plain('--name', name).status).toBe(2)
    expect(plain().status).toBe(2)
    expect(readdirSync(system)).toEqual([])
  })
})
