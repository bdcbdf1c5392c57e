import { isNothingLost } from './account.ts'
import type { SoakReport } from './soak.ts'

/** The report as a person reads it. */
export function soakText(report: SoakReport): string {
  const { account, kills, outcomes, changes, unexpected, memory } = report
  const { lost } = account
  const listed = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  return [
    `${report.seconds} s of load, seed ${report.seed}`,
    `Killed without warning: ${listed(kills)}`,
    `Requests: ${listed(outcomes)}`,
    `Changes of the model: ${listed(changes)}`,
    `Answers that no kill explains: ${unexpected.length}`,
    ...unexpected.slice(0, 5).map((line) => `  ${line}`),
    '',
    `In the log: ${account.leaves} leaves, ${account.released} released records. Answered: ${account.answered}. With the fleet manager: ${account.storedByFleet}, ${(report.settledMs / 1000).toFixed(1)} s after the load ended.`,
    `Lost answers ${lost.answers}, lost records ${lost.records}, counted twice ${lost.countedTwice}`,
    `Models: ${account.models.map(({ slot, version }) => `${slot} ${version}`).join(', ')}. Not as the store says: ${lost.models.join(', ') || 'none'}.`,
    `The log, against the fleet manager's checkpoint: ${lost.findings.join(', ') || 'sound'}. The fleet manager's findings: ${lost.fleetFindings.join(', ') || 'none'}.`,
    '',
    'Resident memory over the longest life of each process, MiB:',
    ['process', 'lives', 'seconds', 'settled', 'last', 'highest'].map((name) => name.padStart(16)).join(''),
    ...memory.map((course) =>
      [
        course.process,
        course.lives,
        course.longestSeconds,
        ...[course.settled, course.last, course.highest].map((bytes) => (bytes / 2 ** 20).toFixed(1)),
      ]
        .map((cell) => String(cell).padStart(16))
        .join(''),
    ),
    '',
    isNothingLost(account) ? 'Nothing was lost.' : 'SOMETHING WAS LOST.',
  ].join('\n')
}
