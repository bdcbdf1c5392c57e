import { openDatabase } from '../../storage/database.ts'
import { verifyLog } from '../verify.ts'
import { decisionEvidence, makeSite, openSite, removeSite } from './ledger-fixture.ts'

/** A process that writes a log of the given size and verifies it; says how its memory grew from a fifth of the log to its end. */
const total = Number(process.argv[2])
const site = await makeSite()
const { ledger } = await openSite(site)
const start = performance.now()
for (let count = 1; count < total; ) {
  const group = Math.min(256, total - count)
  const evidence = (index: number) =>
    index % 8 === 0
      ? decisionEvidence(`d${index}`, `patient-${index % 5000}`)
      : ({ leaf: { kind: 'counted', route: 'health', count: index } } as const)
  await Promise.all(Array.from({ length: group }, (_, offset) => ledger.commit(evidence(count + offset))))
  count += group
}
await ledger.close()
const written = performance.now()

const { key, path, subjectKey, verifier, origin } = site
const database = openDatabase({ path, key, readonly: true })
const samples: number[] = []
const onProgress = () => {
  globalThis.gc?.()
  samples.push(process.memoryUsage().rss)
}
const { leaves, bodies, findings } = await verifyLog({ database, subjectKey, verifier, origin, onProgress })
database.close()
removeSite(site)
const early = samples[Math.floor(samples.length / 5) - 1] ?? 0
const grownBytes = Math.max(...samples.slice(Math.floor(samples.length / 5))) - early
const timings = { writtenMs: Math.round(written - start), verifiedMs: Math.round(performance.now() - written) }
process.stdout.write(
  `${JSON.stringify({ leaves, bodies, findings: findings.length, grownBytes, samples: samples.length, ...timings })}\n`,
)
