import { batchesOf, type ModelTally, runsOf, type Sum } from './statistics.ts'

const NS_PER_US = 1000

/** Triton's statistics extension (docs/protocol/extension_statistics.md); there is no cache, so nothing hits or misses it. */
export function statisticsAnswer(tallies: readonly ModelTally[]) {
  return { model_stats: tallies.map(describe) }
}

function describe(tally: ModelTally) {
  const { slot, version, success, fail, queue, computeInput, computeInfer, computeOutput, lastInferenceMs } = tally
  const compute = {
    compute_input: duration(computeInput),
    compute_infer: duration(computeInfer),
    compute_output: duration(computeOutput),
  }
  const none = { count: 0, ns: 0 }
  const stats = { success: duration(success), fail: duration(fail), queue: duration(queue), ...compute }
  return {
    name: slot,
    version,
    last_inference: lastInferenceMs,
    inference_count: success.count,
    execution_count: runsOf(tally),
    inference_stats: { ...stats, cache_hit: none, cache_miss: none },
    response_stats: {},
    batch_stats: batchesOf(tally).map(({ size, input, runs, output }) => ({
      batch_size: size,
      compute_input: duration(input),
      compute_infer: duration(runs),
      compute_output: duration(output),
    })),
    memory_usage: [],
  }
}

function duration({ count, us }: Sum): { count: number; ns: number } {
  return { count, ns: us * NS_PER_US }
}
