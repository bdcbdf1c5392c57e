import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { DAY_MS, DeviceFolder, provider } from '../../device/identity/testkit/device-folder.ts'
import { silentLog } from '../../device/platform/log.ts'
import { type CertificateWatch, watchCertificate } from './certificate-watch.ts'

const made: DeviceFolder[] = []

afterEach(() => {
  for (const folder of made.splice(0)) folder.remove()
})

async function enrolled(): Promise<DeviceFolder> {
  const folder = await DeviceFolder.enrol()
  made.push(folder)
  return folder
}

const watchOf = (folder: DeviceFolder): CertificateWatch =>
  watchCertificate({
    ...{ provider, randomness: systemRandomness, clock: folder.clock, log: silentLog },
    key: join(folder.path, 'identity.key'),
    certificate: join(folder.path, 'identity.pem'),
    authorityPem: folder.authority.certificatePem,
  })

/** What it says when it looks now. */
async function newsOf(folder: DeviceFolder): Promise<string> {
  const watch = watchOf(folder)
  await watch.start()
  watch.stop()
  return watch.news()
}

describe("egress's certificate", () => {
  it('is asked for anew in time, and taken when it was issued', async () => {
    const folder = await enrolled()
    expect(await newsOf(folder)).toBe('in order')
    folder.clock.advance(80 * DAY_MS)
    expect(await newsOf(folder)).toBe('expires soon')
    const before = folder.read('identity.pem')
    await folder.answer()
    expect(await newsOf(folder)).toBe('in order')
    expect(folder.read('identity.pem')).not.toBe(before)
    expect(folder.hasPair()).toBe(true)
  })

  it('says what an engineer has to see to', async () => {
    const folder = await enrolled()
    folder.clock.advance(80 * DAY_MS)
    await newsOf(folder)
    await folder.answer({ commonName: 'box-1', days: 90 }, (await enrolled()).authority)
    expect(await newsOf(folder)).toBe('issued wrongly')
    folder.clock.advance(20 * DAY_MS)
    expect(await newsOf(folder)).toBe('expired')
    rmSync(join(folder.path, 'identity.key'))
    expect(await newsOf(folder)).toBe('not renewable')
  })
})
