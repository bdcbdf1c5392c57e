const MAX_NAMES = 3
/** Longer words are nobody's typing mistake. */
const MAX_LENGTH = 64

/** The names that are likely meant, the nearest first; none when nothing is near. */
export function nearestNames(typed: string, names: readonly string[]): readonly string[] {
  if (typed === '' || typed.length > MAX_LENGTH) return []
  const limit = Math.max(1, Math.floor(typed.length / 3))
  return names
    .map((name) => ({ name, distance: distanceTo(typed, name) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MAX_NAMES)
    .map(({ name }) => name)
}

/** One word may be any word of a name: `instal` means `model install`. A word that begins as typed is near. */
function distanceTo(typed: string, name: string): number {
  if (typed.includes(' ')) return editDistance(typed, name)
  const words = [name, ...name.split(' ')]
  const begins = typed.length >= 3 && words.some((word) => word.startsWith(typed))
  return begins ? 0.5 : Math.min(...words.map((word) => editDistance(typed, word)))
}

/** How many characters have to be added, removed, changed or swapped with their neighbour (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const line = [row]
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      const isSwapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const cost = Math.min(
        (last[column] ?? 0) + 1,
        (line[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
      )
      line.push(isSwapped && row > 1 && column > 1 ? Math.min(cost, (beforeLast[column - 2] ?? 0) + 1) : cost)
    }
    beforeLast = last
    last = line
  }
  return last[b.length] ?? 0
}
