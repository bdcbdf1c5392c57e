import { writeFileSync } from 'node:fs'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import { errorCode } from '../../../device/platform/errors.ts'
import type { AgreedTarget } from '../../../models/package/policy.ts'
import { directorySource } from '../directory-source.ts'
import { fetchPackage } from '../fetch-package.ts'
import { httpsSource } from '../https-source.ts'
import { going, quickLimits } from './package-on-offer.ts'

/**
 * A process of its own that fetches one package and prints what it has, so that a test can kill it in between or give
 * it a small disk: `fetch-and-report <target JSON> <into> <folder or https URL> [authority PEM] [bytes to fill the disk with]`.
 */
const [target = '', into = '', from = '', authority = '', fillBytes = '0'] = process.argv.slice(2)
const source = from.startsWith('https:') ? httpsSource(from, { authority, limits: quickLimits }) : directorySource(from)
let isFilled = false

function progress(bytes: number): void {
  process.stdout.write(`${bytes}\n`)
  if (isFilled || bytes === 0 || fillBytes === '0') return
  isFilled = true
  writeFileSync(`${into}.filler`, Buffer.alloc(Number(fillBytes), 1))
}

const job = { into, limits: quickLimits, randomness: systemRandomness, signal: going, progress }
try {
  await fetchPackage(source, { ...job, target: JSON.parse(target) as AgreedTarget })
  process.stdout.write('fetched\n')
} catch (error) {
  process.stdout.write(`${errorCode(error)}\n`)
}
