/**
 * Exact Shapley values (L. S. Shapley, "A value for n-person games", 1953): what each of `count` players adds to the output,
 * averaged over every order in which they could be switched from the baseline to the patient.
 * @param outputs outputs[coalition], 2^count of them
 */
export function shapleyValues(outputs: readonly number[], count: number): number[] {
  const weights = coalitionWeights(count)
  const sizes = new Uint8Array(outputs.length)
  for (let coalition = 1; coalition < sizes.length; coalition++)
    sizes[coalition] = (sizes[coalition >> 1] ?? 0) + (coalition & 1)
  return Array.from({ length: count }, (_, player) => {
    const bit = 1 << player
    let value = 0
    for (let coalition = 0; coalition < outputs.length; coalition++) {
      if ((coalition & bit) !== 0) continue
      const gain = (outputs[coalition | bit] ?? 0) - (outputs[coalition] ?? 0)
      value += (weights[sizes[coalition] ?? 0] ?? 0) * gain
    }
    return value
  })
}

/** weights[s] = s! (n − s − 1)! / n!, by the recurrence that needs no factorials. */
function coalitionWeights(count: number): number[] {
  const weights = [1 / count]
  for (let size = 1; size < count; size++) weights.push(((weights[size - 1] ?? 0) * size) / (count - size))
  return weights
}
