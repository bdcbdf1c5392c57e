import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { pemFromDer } from '../crypto/pem.ts'
import { createAuthority } from './certificate-authority.ts'
import { verifyCertificateRequest } from './certificate-request.ts'
import { generateIdentityKey, importIdentityPublicKey, loadIdentityKeys } from './identity-key.ts'
import { DAY_MS, DeviceFolder, provider, START_MS } from './testkit/device-folder.ts'
import { pluggedDisk } from './testkit/plugged-disk.ts'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from './x509-library.ts'

/** Late enough for every device, early enough to be in force. */
const DUE_DAYS = 80
const made: DeviceFolder[] = []
/** Enrolled, plain files. */
let enrolled: DeviceFolder
/** The first renewal is answered; nothing is linked yet. */
let answered: DeviceFolder
/** The second renewal is answered; the files are links from the first. */
let answeredAgain: DeviceFolder

const copyOf = (folder: DeviceFolder): DeviceFolder => {
  const copy = folder.copy()
  made.push(copy)
  return copy
}

beforeAll(async () => {
  enrolled = await DeviceFolder.enrol()
  answered = enrolled.copy()
  answered.clock.advance(DUE_DAYS * DAY_MS)
  await answered.renew()
  await answered.answer()
  answeredAgain = answered.copy()
  await answeredAgain.renew()
  answeredAgain.clock.advance(DUE_DAYS * DAY_MS)
  await answeredAgain.renew()
  await answeredAgain.answer()
})
afterEach(() => {
  for (const folder of made.splice(0)) folder.remove()
})
afterAll(() => {
  for (const folder of [enrolled, answered, answeredAgain]) folder.remove()
})

describe('renewal', () => {
  it('does nothing before it is due', async () => {
    const folder = copyOf(enrolled)
    folder.clock.advance(59 * DAY_MS)
    expect((await folder.renew()).renewal).toEqual({ state: 'not due' })
    expect(folder.has('identity.d')).toBe(false)
  })

  it('makes a new key and a request for it, once, and goes on with the old pair', async () => {
    const folder = copyOf(enrolled)
    folder.clock.advance(DUE_DAYS * DAY_MS)
    const request = join(folder.path, 'identity.d/next/request.pem')
    expect((await folder.renew()).renewal).toEqual({ state: 'requested', request })
    const [key, csr] = [folder.read('identity.d/next/key.pem'), folder.read('identity.d/next/request.pem')]
    expect(key).not.toBe(enrolled.read('identity.key'))
    await verifyCertificateRequest(provider, csr)
    expect((await folder.renew()).renewal.state).toBe('requested')
    expect(folder.read('identity.d/next/request.pem')).toBe(csr)
    expect(folder.read('identity.key')).toBe(enrolled.read('identity.key'))
    expect(statSync(join(folder.path, 'identity.d')).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder.path, 'identity.d/next/key.pem')).mode & 0o777).toBe(0o600)
  })

  it('switches to the certificate that was issued, and keeps nothing of the old key', async () => {
    const folder = copyOf(answered)
    const [oldKey, issued] = [folder.read('identity.key'), folder.read('identity.d/next/certificate.pem')]
    const { certificate, renewal } = await folder.renew()
    expect(renewal).toEqual({ state: 'not due' })
    expect(folder.read('identity.pem')).toBe(issued)
    expect(certificate.notAfter.getTime()).toBe(START_MS + (DUE_DAYS + 90) * DAY_MS)
    expect([folder.hasPair(), folder.has('identity.d/next'), folder.holds(oldKey)]).toEqual([true, false, false])
    expect((await folder.renew()).renewal).toEqual({ state: 'not due' })
  })

  it('does so again, and when the folder has been moved', async () => {
    const folder = copyOf(answeredAgain)
    expect(lstatSync(join(folder.path, 'identity.key')).isSymbolicLink()).toBe(true)
    const [oldKey, issued] = [folder.read('identity.key'), folder.read('identity.d/next/certificate.pem')]
    await folder.renew()
    expect([folder.read('identity.pem'), folder.hasPair(), folder.holds(oldKey)]).toEqual([issued, true, false])
    expect(readdirSync(join(folder.path, 'identity.d')).length).toBe(2)
  })

  it('an expired certificate is renewed too', async () => {
    const folder = copyOf(enrolled)
    folder.clock.advance(1000 * DAY_MS)
    expect((await folder.renew()).renewal.state).toBe('requested')
    await folder.answer()
    await folder.renew()
    expect((await folder.renew()).certificate.notAfter.getTime()).toBeGreaterThan(folder.clock.nowMs())
  })

  it('files that a person has put in the place of the links are kept, and renewed from', async () => {
    const folder = copyOf(answeredAgain)
    const other = await DeviceFolder.enrol()
    made.push(other)
    for (const name of ['identity.key', 'identity.pem']) {
      rmSync(join(folder.path, name))
      folder.write(name, other.read(name))
    }
    await folder.renew()
    expect(folder.hasPair()).toBe(true)
    expect(folder.holds(other.read('identity.key'))).toBe(false)
  })
})

describe('links that a person has made anew', () => {
  it('past `current` lead to a pair that is kept, and renewed from', async () => {
    const folder = copyOf(answeredAgain)
    const store = readdirSync(join(folder.path, 'identity.d')).find((name) => name.startsWith('g-')) ?? ''
    for (const [name, file] of [
      ['identity.key', 'key.pem'],
      ['identity.pem', 'certificate.pem'],
    ] as const) {
      rmSync(join(folder.path, name))
      symlinkSync(`identity.d/${store}/${file}`, join(folder.path, name))
    }
    rmSync(join(folder.path, 'identity.d/current'))
    rmSync(join(folder.path, 'identity.d/next/certificate.pem'))
    expect((await folder.renew()).renewal.state).toBe('requested')
    expect(folder.hasPair()).toBe(true)
    await folder.answer()
    expect((await folder.renew()).renewal.state).toBe('not due')
    expect(folder.hasPair()).toBe(true)
  })
})

describe('a certificate that is not the one asked for is refused', () => {
  const refused = async (folder: DeviceFolder): Promise<string | undefined> => {
    const before = [folder.read('identity.key'), folder.read('identity.pem')]
    const { renewal } = await folder.renew()
    expect([folder.read('identity.key'), folder.read('identity.pem')]).toEqual(before)
    expect(folder.has('identity.d/next/key.pem')).toBe(true)
    return renewal.state === 'refused' ? renewal.about : renewal.state
  }

  it('when it is for another key', async () => {
    const folder = copyOf(answered)
    folder.write('identity.d/next/certificate.pem', folder.read('identity.pem'))
    expect(await refused(folder)).toBe('key')
  })

  it('when another authority issued it, also one of the same name', async () => {
    for (const commonName of ['Other', 'Fleet']) {
      const folder = copyOf(answered)
      const other = await createAuthority(provider, { commonName, days: 3650, nowMs: START_MS })
      await folder.answer({}, other)
      expect(await refused(folder)).toBe('issuer')
    }
  })

  it.each([
    ['names another device', { commonName: 'box-2' }, 'common name'],
    ['carries a role', { organizationalUnit: 'engineer' }, 'unit'],
    ['is for a server', { profile: 'server', dnsNames: ['localhost'] }, 'purpose'],
    ['is not in force yet', { nowMs: START_MS + 100 * DAY_MS }, 'validity'],
    ['has expired', { nowMs: START_MS + 10 * DAY_MS, days: 30 }, 'validity'],
  ] as const)('when it %s', async (_what, options, about) => {
    const folder = copyOf(answered)
    await folder.answer(options)
    expect(await refused(folder)).toBe(about)
  })

  it('when the pinned authority has expired or is none', async () => {
    const folder = copyOf(answered)
    const short = await createAuthority(provider, { commonName: 'Short', days: 81, nowMs: START_MS })
    await folder.answer({}, short)
    const late = new DeviceFolder(folder.path, short, START_MS + 82 * DAY_MS)
    expect(await refused(late)).toBe('validity')
    const leaf = { certificatePem: enrolled.read('identity.pem'), privatePem: '' }
    expect(await refused(new DeviceFolder(folder.path, leaf, folder.clock.nowMs()))).toBe('authority')
    expect(await refused(new DeviceFolder(folder.path, { certificatePem: 'x', privatePem: '' }, START_MS))).toBe(
      'authority',
    )
  })

  it('when it is an authority itself', async () => {
    const folder = copyOf(answered)
    folder.write(
      'identity.d/next/certificate.pem',
      await issuedWith(folder, [new BasicConstraintsExtension(true, undefined, true)]),
    )
    expect(await refused(folder)).toBe('kind')
  })

  const forClients = new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth], true)
  it.each([
    ['key usage', new KeyUsagesExtension(KeyUsageFlags.keyAgreement, true)],
    ['critical extension', new Extension('1.2.3.4', true, Buffer.of(5, 0))],
    ['alternative name', new SubjectAlternativeNameExtension([{ type: 'dns', value: 'box-2' }])],
    ['alternative name', new SubjectAlternativeNameExtension([{ type: 'ip', value: '192.0.2.1' }])],
  ])('when no peer would take it, or it names another: %s', async (about, extension) => {
    const folder = copyOf(answered)
    folder.write('identity.d/next/certificate.pem', await issuedWith(folder, [forClients, extension]))
    expect(await refused(folder)).toBe(about)
  })

  it('an authority may name the device once more, and mark what is not critical as it likes', async () => {
    const folder = copyOf(answered)
    const own = new SubjectAlternativeNameExtension([{ type: 'dns', value: 'box-1' }])
    const certificate = await issuedWith(folder, [forClients, own, new Extension('1.2.3.4', false, Buffer.of(5, 0))])
    folder.write('identity.d/next/certificate.pem', certificate)
    expect((await folder.renew()).renewal.state).toBe('not due')
    expect(folder.read('identity.pem')).toBe(certificate)
  })

  it.each([
    ['half copied', (pem: string) => pem.slice(0, 200)],
    ['empty', () => ''],
    ['two at once', (pem: string) => pem + pem],
    ['below what openssl says of it', (pem: string) => `Certificate:\n    Data:\n${pem}`],
  ])('when it is %s; and taken once it is whole', async (_what, change) => {
    const folder = copyOf(answered)
    const pem = folder.read('identity.d/next/certificate.pem')
    folder.write('identity.d/next/certificate.pem', change(pem))
    expect(await refused(folder)).toBe('not one PEM certificate')
    folder.write('identity.d/next/certificate.pem', pem)
    await folder.renew()
    expect(folder.read('identity.pem')).toBe(pem)
  })

  it('a pipe or a huge file in its place is not read', async () => {
    const folder = copyOf(answered)
    const place = join(folder.path, 'identity.d/next/certificate.pem')
    rmSync(place)
    execFileSync('mkfifo', [place])
    expect((await folder.renew()).renewal.state).toBe('requested')
    rmSync(place)
    symlinkSync('/dev/zero', place)
    expect((await folder.renew()).renewal.state).toBe('requested')
    rmSync(place)
    folder.write('identity.d/next/certificate.pem', 'x'.repeat(100_000))
    expect((await folder.renew()).renewal).toEqual({ state: 'failed', about: 'file_too_large' })
    expect(folder.hasPair()).toBe(true)
  })
})

/** What our own authority would never issue, for the device's next key and under its name. */
async function issuedWith(folder: DeviceFolder, extensions: Extension[]): Promise<string> {
  const spki = await verifyCertificateRequest(provider, folder.read('identity.d/next/request.pem'))
  const issuer = await loadIdentityKeys(provider, folder.authority.privatePem)
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: '01',
      subject: [{ CN: ['box-1'] }],
      issuer: new X509Certificate(folder.authority.certificatePem).subjectName,
      publicKey: await importIdentityPublicKey(provider, spki),
      signingKey: issuer.privateKey,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      notBefore: new Date(START_MS),
      notAfter: new Date(START_MS + 1000 * DAY_MS),
      extensions,
    },
    provider,
  )
  return pemFromDer(new Uint8Array(certificate.rawData), 'CERTIFICATE')
}

describe('without a usable pair', () => {
  it.each([
    ['a missing key', 'identity.key', undefined, 'missing'],
    ['a missing certificate', 'identity.pem', undefined, 'missing'],
    ['a damaged certificate', 'identity.pem', 'x', 'pair'],
    ['a damaged key', 'identity.key', 'x', 'pair'],
  ])('there is nothing to go on from: %s', async (_what, name, text, about) => {
    const folder = copyOf(enrolled)
    rmSync(join(folder.path, name))
    if (text !== undefined) folder.write(name, text)
    await expect(folder.renew()).rejects.toMatchObject({ code: 'identity_unusable', about })
  })

  it('nor with the key of another', async () => {
    const folder = copyOf(enrolled)
    folder.write('identity.key', (await generateIdentityKey(provider)).privatePem)
    await expect(folder.renew()).rejects.toMatchObject({ code: 'identity_unusable', about: 'pair' })
  })

  it('a folder that cannot be written leaves the old pair in use', async () => {
    const folder = copyOf(enrolled)
    folder.clock.advance(DUE_DAYS * DAY_MS)
    folder.write('identity.d', 'a file where the folder should be')
    const { renewal } = await folder.renew()
    expect(renewal.state).toBe('failed')
    expect(folder.hasPair()).toBe(true)
  })
})

describe('the power goes', () => {
  /** Every step of one round from `from`, cut before it or in its middle; what must hold then, and after the next start. */
  async function cutEverywhere(from: DeviceFolder, isTorn: boolean, after: (folder: DeviceFolder) => Promise<void>) {
    const olds = [
      from.read('identity.pem'),
      from.has('identity.d/next') ? from.read('identity.d/next/certificate.pem') : '',
    ]
    const cuts: string[] = []
    for (let step = 1; ; step++) {
      const folder = copyOf(from)
      const disk = pluggedDisk(step, isTorn)
      await folder.renew(disk)
      expect(folder.hasPair(), `${step} ${disk.steps.at(-1)}`).toBe(true)
      expect(olds).toContain(folder.read('identity.pem'))
      if (!disk.isDead) return cuts
      cuts.push(disk.steps.at(-1) ?? '')
      await after(folder)
      folder.remove()
    }
  }

  const whole = async (folder: DeviceFolder, issued: string, oldKey: string) => {
    await folder.renew()
    expect(folder.read('identity.pem')).toBe(issued)
    expect([folder.hasPair(), folder.holds(oldKey), folder.has('identity.d/next')]).toEqual([true, false, false])
    expect(readdirSync(join(folder.path, 'identity.d')).sort()).toHaveLength(2)
  }

  it.each([false, true])(
    'while the request is made (torn: %s): the old pair stays, the next start asks',
    async (isTorn) => {
      const due = copyOf(enrolled)
      due.clock.advance(DUE_DAYS * DAY_MS)
      const cuts = await cutEverywhere(due, isTorn, async (folder) => {
        expect(folder.read('identity.key')).toBe(enrolled.read('identity.key'))
        expect((await folder.renew()).renewal.state).toBe('requested')
        await verifyCertificateRequest(provider, folder.read('identity.d/next/request.pem'))
        await folder.answer()
        await whole(folder, folder.read('identity.d/next/certificate.pem'), enrolled.read('identity.key'))
      })
      expect(cuts).toContain('rename')
    },
  )

  it.each([false, true])(
    'during the first switch (torn: %s): a pair at every step, whole after the next start',
    async (isTorn) => {
      const issued = answered.read('identity.d/next/certificate.pem')
      const cuts = await cutEverywhere(answered, isTorn, (folder) =>
        whole(folder, issued, answered.read('identity.key')),
      )
      expect(cuts.filter((cut) => cut === 'rename').length).toBe(7)
    },
  )

  it.each([false, true])(
    'during a later switch (torn: %s): a pair at every step, whole after the next start',
    async (isTorn) => {
      const issued = answeredAgain.read('identity.d/next/certificate.pem')
      const oldKey = answeredAgain.read('identity.key')
      const cuts = await cutEverywhere(answeredAgain, isTorn, (folder) => whole(folder, issued, oldKey))
      expect(cuts.filter((cut) => cut === 'rename').length).toBe(3)
    },
  )

  it('the old key is on disk until the new pair is the one that is read, and that is synced', async () => {
    const disk = pluggedDisk(Number.POSITIVE_INFINITY, false)
    const folder = copyOf(answeredAgain)
    await folder.renew(disk)
    const lastRename = disk.steps.lastIndexOf('rename', disk.steps.lastIndexOf('rename') - 1)
    expect(disk.steps.slice(lastRename, lastRename + 2)).toEqual(['rename', 'sync'])
  })

  it('really: the process is killed before each rename', async () => {
    const entry = fileURLToPath(new URL('./testkit/renew-and-die.ts', import.meta.url))
    const dry = pluggedDisk(Number.POSITIVE_INFINITY, false)
    await copyOf(answered).renew(dry)
    const renames = dry.steps.flatMap((name, index) => (name === 'rename' ? [index + 1] : []))
    const issued = answered.read('identity.d/next/certificate.pem')
    for (const step of renames) {
      const folder = copyOf(answered)
      const child = spawnSync(process.execPath, [entry, folder.path, String(folder.clock.nowMs()), String(step)])
      expect(child.signal).toBe('SIGKILL')
      expect(folder.hasPair()).toBe(true)
      await whole(folder, issued, answered.read('identity.key'))
    }
    expect(renames).toHaveLength(7)
  })
})
