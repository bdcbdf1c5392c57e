/** Fuzzes the reading of images: `fuzz-command.ts [SEED [RUNS]]`. Prints one line, and each case that ended without a code. */
import { fuzz } from './fuzz.ts'
import { makeSamples } from './samples.ts'

const seed = Number(process.argv[2] ?? Date.now() % 1_000_000)
const runs = Number(process.argv[3] ?? 20_000)
const { read, refused, slowestMs, faults } = await fuzz(await makeSamples(), { seed, runs })
process.stdout.write(
  `seed ${seed}: ${runs} runs, ${read} read, ${refused} refused, slowest ${slowestMs.toFixed(0)} ms\n`,
)
for (const { run, sample, fault } of faults) process.stdout.write(`run ${run} (${sample}): ${String(fault)}\n`)
process.exit(faults.length > 0 ? 1 : 0)
