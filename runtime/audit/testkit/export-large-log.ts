import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../device/platform/clock.ts'
import { auditExportCommand } from '../export-command.ts'
import { auditSearchCommand } from '../search-command.ts'
import { commandSite, decided, runCommand } from './command-fixture.ts'
import { makeSite, openSite, removeSite } from './ledger-fixture.ts'

/**
 * A process that writes a log of the given size, searches and exports all of it, and says how its memory grew while it did.
 */
const total = Number(process.argv[2])
const site = await makeSite()
const { ledger } = await openSite(site)
const start = systemClock.monotonicMs()
for (let count = 1; count < total; ) {
  const group = Math.min(256, total - count)
  const evidence = (index: number) =>
    index % 8 === 0
      ? decided(`d${index}`, `patient-${index % 5000}`)
      : ({ leaf: { kind: 'counted', client: 'monitor-1', route: '/v1/health', count: index } } as const)
  await Promise.all(Array.from({ length: group }, (_, offset) => ledger.commit(evidence(count + offset))))
  count += group
}
await ledger.close()
const place = commandSite(site)
const written = systemClock.monotonicMs()

/** What is still in use after a collection, buffers included; the resident size also has what the allocator keeps for later. */
const samples: number[] = []
const sampler = () => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  samples.push(heapUsed + external)
}
/** Every line of progress is a moment to look at the memory. The first round warms up; the second one may not grow. */
async function watched(command: typeof auditExportCommand, args: readonly string[]) {
  await runCounting(command, args)
  samples.length = 0
  sampler()
  const began = systemClock.monotonicMs()
  const { code, lines } = await runCounting(command, args)
  const grownBytes = Math.max(...samples) - (samples[0] ?? 0)
  return { code, lines, grownBytes, samples: samples.length, ms: Math.round(systemClock.monotonicMs() - began) }
}

async function runCounting(command: typeof auditExportCommand, args: readonly string[]) {
  let lines = 0
  const sinks = { stdout: () => (lines += 1), stderr: sampler }
  const { code } = await runCommand(command, args, place, '', sinks)
  return { code, lines }
}

const searched = await watched(auditSearchCommand, ['--limit', String(2 * total), '--json'])
const path = join(site.directory, 'all.ndjson')
const exported = await watched(auditExportCommand, ['--output', path, '--force', '--with-records'])
const bytes = statSync(path).size
const tail = readFileSync(path).subarray(-200).toString('utf8')
removeSite(site)
const wroteMs = Math.round(written - start)
process.stdout.write(
  `${JSON.stringify({ searched, exported, bytes, isWhole: tail.includes('"type":"end"'), wroteMs })}\n`,
)
