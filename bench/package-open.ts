import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateHpkeKey, loadHpkeRecipient } from '../device/crypto/hpke.ts'
import { createCryptoProvider } from '../device/crypto/provider.ts'
import { systemRandomness } from '../device/crypto/randomness.ts'
import { generateSigningKey, loadSigner, loadVerifier } from '../device/crypto/signing.ts'
import { openPackage, type PackagePaths, type PackageTrust } from '../models/package/open.ts'
import { type PackageDraft, type PackedPackage, packageIdentity, packModel } from '../models/package/pack.ts'
import { signGrant, signImageTargets, wrapContentKey } from '../models/package/targets.ts'
import { RELEASE } from '../runtime/release.ts'
import { percentile } from './statistics.ts'

export interface PackageOpenResult {
  readonly megabytes: number
  readonly openMegabytesPerSecond: number
  readonly opensslMegabytesPerSecond: number
  /** How many times longer than one pass of AES-256-GCM: the package is also hashed as a whole, per chunk and per file. */
  readonly timesOpenssl: number
}

const MEGABYTE = 1_000_000
const DEVICE = 'bench-device'

/** Verifies and decrypts a large package, beside what OpenSSL's AES-256-GCM does in the same minute. */
export async function measurePackageOpen(draft: PackageDraft, megabytes: number): Promise<PackageOpenResult> {
  const folder = mkdtempSync(join(tmpdir(), 'wardstone-bench-'))
  try {
    const { paths, trust } = await writePackage(draft, megabytes, folder)
    const seconds: number[] = []
    for (let round = 0; round < 6; round++) {
      const startedMs = performance.now()
      const opened = await openPackage(paths, trust)
      opened.readFile('model')
      opened.close()
      if (round > 0) seconds.push((performance.now() - startedMs) / 1000)
    }
    const openMegabytesPerSecond = megabytes / percentile(seconds, 0.5)
    const opensslMegabytesPerSecond = opensslSpeed()
    const timesOpenssl = opensslMegabytesPerSecond / openMegabytesPerSecond
    return { megabytes, openMegabytesPerSecond, opensslMegabytesPerSecond, timesOpenssl }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function writePackage(
  draft: PackageDraft,
  megabytes: number,
  folder: string,
): Promise<{ paths: PackagePaths; trust: PackageTrust }> {
  const provider = createCryptoProvider()
  const content = systemRandomness.bytes(megabytes * MEGABYTE)
  const packed = packModel({ manifest: draft.manifest, files: [{ role: 'model', content }] }, systemRandomness)
  const [vendor, fleet, device] = await Promise.all([
    generateSigningKey(provider),
    generateSigningKey(provider),
    generateHpkeKey(provider),
  ])
  const identity = packageIdentity(packed)
  const expiresAtMs = Date.now() + 3_600_000
  const wrappedKey = await wrapContentKey(provider, device.publicKey, grantContext(packed))
  const [vendorSigner, fleetSigner] = [
    await loadSigner(provider, vendor.privatePem),
    await loadSigner(provider, fleet.privatePem),
  ]
  const paths = {
    package: join(folder, 'package.wspkg'),
    image: join(folder, 'image.json'),
    grant: join(folder, 'grant.json'),
  }
  writeFileSync(paths.package, packed.bytes)
  writeFileSync(paths.image, await signImageTargets(vendorSigner, { version: 1, expiresAtMs, packages: [identity] }))
  writeFileSync(
    paths.grant,
    await signGrant(fleetSigner, { version: 1, expiresAtMs, deviceId: DEVICE, package: identity, wrappedKey }),
  )
  const trust: PackageTrust = {
    vendor: await loadVerifier(provider, vendor.publicPem),
    fleet: await loadVerifier(provider, fleet.publicPem),
    recipient: await loadHpkeRecipient(provider, device.privatePem),
    deviceId: DEVICE,
    runtimeVersion: RELEASE,
    nowMs: Date.now(),
    floor: () => undefined,
    wasActivated: () => false,
    imageVersion: 0,
  }
  return { paths, trust }
}

function grantContext({ manifest, manifestHash, contentKey }: PackedPackage) {
  return { deviceId: DEVICE, manifestHash, releaseCounter: manifest.releaseCounter, contentKey }
}

/** `openssl speed` prints thousands of bytes per second for each block size; the one used here is a chunk of a package. */
function opensslSpeed(): number {
  const { stdout } = spawnSync(
    'openssl',
    ['speed', '-mr', '-seconds', '2', '-bytes', '1048576', '-evp', 'aes-256-gcm'],
    { encoding: 'utf8' },
  )
  const bytesPerSecond = /^\+F:\d+:[^:]+:([\d.]+)/m.exec(stdout)?.[1]
  return Number(bytesPerSecond) / MEGABYTE
}
