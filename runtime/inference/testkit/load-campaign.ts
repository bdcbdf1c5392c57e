import { cycleLoads, kept } from './load-cycles.ts'

/**
 * Loads and unloads a model a thousand times, and says what this process has kept. Run by hand:
 * `node runtime/inference/testkit/load-campaign.ts [cycles]`.
 */
const cycles = Number(process.argv[2] ?? 1000)
const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(1)

process.stdout.write(`before: ${mebibytes(kept().residentBytes)} MiB, ${kept().descriptors} descriptors\n`)
await cycleLoads(cycles, ({ residentBytes, descriptors }, cycle) => {
  const isShown = cycle === 1 || cycle % Math.max(1, Math.floor(cycles / 20)) === 0
  if (isShown) process.stdout.write(`${cycle}: ${mebibytes(residentBytes)} MiB, ${descriptors} descriptors\n`)
})
