import { PackageError } from './errors.ts'

const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?$/

/**
 * The runtime must be at least `minimum` and before `below`.
 * @throws PackageError package_runtime_unsupported; also when a version is not a semantic version.
 */
export function verifyRuntimeRange(
  range: { readonly minimum: string; readonly below: string },
  runtimeVersion: string,
): void {
  const supported =
    comparePrecedence(runtimeVersion, range.minimum) >= 0 && comparePrecedence(runtimeVersion, range.below) < 0
  const about = `from ${range.minimum}, before ${range.below}`
  if (!supported) throw new PackageError('package_runtime_unsupported', { about })
}

/** Semantic Versioning 2.0.0 §11. @returns below zero when `a` comes before `b`. */
function comparePrecedence(a: string, b: string): number {
  const left = parseVersion(a)
  const right = parseVersion(b)
  for (const [index, number] of left.numbers.entries()) {
    const difference = compareNumeric(number, right.numbers[index] ?? '0')
    if (difference !== 0) return difference
  }
  return comparePrerelease(left.prerelease, right.prerelease)
}

function parseVersion(version: string): {
  readonly numbers: readonly string[]
  readonly prerelease: readonly string[]
} {
  const match = SEMVER.exec(version)
  if (match === null) throw new PackageError('package_runtime_unsupported', { about: 'not a semantic version' })
  const [, major = '', minor = '', patch = '', prerelease] = match
  return { numbers: [major, minor, patch], prerelease: prerelease?.split('.') ?? [] }
}

/** A version without a pre-release comes after the same one with it; otherwise identifier by identifier, fewer first. */
function comparePrerelease(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length
  for (const [index, identifier] of a.entries()) {
    const other = b[index]
    if (other === undefined) return 1
    const difference = compareIdentifier(identifier, other)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

function compareIdentifier(a: string, b: string): number {
  const numericA = /^\d+$/.test(a)
  const numericB = /^\d+$/.test(b)
  if (numericA && numericB) return compareNumeric(a, b)
  if (numericA !== numericB) return numericA ? -1 : 1
  return compareText(a, b)
}

/** Digits without leading zeros, of any length. */
function compareNumeric(a: string, b: string): number {
  return a.length === b.length ? compareText(a, b) : a.length - b.length
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
