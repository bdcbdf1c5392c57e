import { readFileSync } from 'node:fs'

/** The part of vitest's JSON report that is counted. */
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

export interface Tally {
  readonly passed: number
  /** Failed tests, and files that failed before or beside their tests. */
  readonly failed: number
  /** Full names of the tests that were left out. */
  readonly leftOut: readonly string[]
}

/** Reads the report, or undefined when vitest ended before it wrote one. */
export function readReport(path: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as VitestReport
  } catch {
    return undefined
  }
}

/**
 * Counts a report. What vitest calls a failure without a failed test (an unhandled rejection, a file that cannot be
 * loaded, a crash) still counts as one: `exitCode` says so when the report does not.
 */
export function tally(report: VitestReport | undefined, exitCode: number): Tally {
  const files = report?.testResults ?? []
  const tests = files.flatMap((file) => file.assertionResults)
  const passed = tests.filter((test) => test.status === 'passed').length
  const failedTests = tests.filter((test) => test.status === 'failed').length
  const failedFiles = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length
  const failed = failedTests + failedFiles
  const leftOut = tests.filter((test) => test.status !== 'passed' && test.status !== 'failed')
  return {
    passed,
    failed: failed === 0 && (exitCode !== 0 || report === undefined) ? 1 : failed,
    leftOut: leftOut.map((test) => test.fullName),
  }
}

/**
 * The one line on what was left out, and whether that is a failure: without the outside inputs the tests on them are
 * left out; with them nothing may be.
 */
export function judgeLeftOut(leftOut: readonly string[], hasSharedData: boolean): { line?: string; failed: number } {
  const count = leftOut.length
  if (count === 0) return { failed: 0 }
  if (!hasSharedData) return { line: `shared data not found: ${count} tests on outside inputs left out`, failed: 0 }
  return { line: `${count} tests were left out although nothing may be:\n  ${leftOut.join('\n  ')}`, failed: count }
}
