/** What the verifier can say about a log; docs/audit-format.md §10 tells how each name is arrived at. */
export type FindingName = 'edited' | 'deleted' | 'inserted' | 'reordered' | 'truncated' | 'rolled-back'

export type FindingSubject = 'leaf' | 'body' | 'checkpoint' | 'activation' | 'head' | 'schema' | 'index'

export interface Finding {
  readonly finding: FindingName
  readonly what: FindingSubject
  /** Index of the leaf where it shows; for a checkpoint its size. */
  readonly position: number
  /** Leaves before this index are proven by a signed checkpoint to be as they were committed. */
  readonly provenBefore: number
  /** One sentence for a person. */
  readonly meaning: string
}

export interface LogReport {
  readonly leaves: number
  readonly bodies: number
  readonly checkpoints: number
  /** Size of the largest checkpoint whose signature holds. */
  readonly signedSize: number
  /** Size of the checkpoint kept elsewhere that the log was held against; null: a cut end or an older copy would not show. */
  readonly keptSize: number | null
  readonly firstAt: string | null
  readonly lastAt: string | null
  /** In the order of the log, at most {@link MAX_FINDINGS}. Empty: the log is sound. */
  readonly findings: readonly Finding[]
}

export const MAX_FINDINGS = 20

/** A row that does not stand as it was committed, with what the rest of the log has to say about it. */
export interface Suspect {
  /**
   * rows: indexes are missing before this row; extra: a row outside the numbering; sequence: the leaf carries another
   * number; content: leaf and hash differ; chain: the chain does not lead here; root: nothing but the signed root differs;
   * tail: the leaves end before a checkpoint that was signed.
   */
  readonly kind: 'rows' | 'extra' | 'sequence' | 'content' | 'chain' | 'root' | 'tail'
  readonly position: number
  /** Number the leaf carries, where it can be read. */
  readonly sequence: number | undefined
  readonly provenBefore: number
  /** The signed root holds over the stored hashes: only this row's own bytes were changed. */
  isIsolated: boolean
  /** The leaf that carries this position's number stands at another place. */
  isFoundElsewhere: boolean
  /** The row that follows: how far its number is from its place, and whether it fits otherwise. */
  next: { readonly shift: number; readonly isClean: boolean } | undefined
}

/**
 * Names what happened.
 * @param rows leaves in the log
 * @param signedSize leaves that the largest signed checkpoint speaks for
 */
export function classify(suspect: Suspect, rows: number, signedSize: number): FindingName {
  if (suspect.kind === 'extra') return 'inserted'
  if (suspect.kind === 'tail') return 'truncated'
  if (suspect.isFoundElsewhere) return 'reordered'
  if (suspect.isIsolated) return 'edited'
  if (suspect.kind === 'rows') return 'deleted'
  const { next } = suspect
  if (suspect.kind === 'root' || next === undefined) return byCount(rows, signedSize)
  // The number this leaf should carry is gone for good: the leaves behind it moved up, or only this one was overwritten.
  if (suspect.kind === 'sequence' && (suspect.sequence ?? 0) > suspect.position)
    return next.shift > 0 ? 'deleted' : 'edited'
  if (next.shift < 0) return 'inserted'
  return suspect.kind === 'sequence' || next.isClean ? 'edited' : byCount(rows, signedSize)
}

/**
 * Is the leaf that belongs here missing from here? Of leaves that merely changed places the first always carries a higher
 * number than its place; one that carries a lower number follows from an insertion before it.
 */
export function isDisplaced(suspect: Suspect): boolean {
  return suspect.kind === 'rows' || (suspect.kind === 'sequence' && (suspect.sequence ?? 0) > suspect.position)
}

function byCount(rows: number, signedSize: number): FindingName {
  if (rows < signedSize) return 'deleted'
  return rows > signedSize ? 'inserted' : 'edited'
}

/** Where an inserted row stands: the number that two leaves carry, or the row itself. */
export function positionOf(suspect: Suspect, finding: FindingName): number {
  const { sequence, position, provenBefore } = suspect
  const isDuplicate = finding === 'inserted' && suspect.kind === 'sequence' && sequence !== undefined
  return isDuplicate && sequence >= provenBefore && sequence < position ? sequence : position
}

const meanings: Readonly<Record<FindingName, Readonly<Partial<Record<Suspect['kind'], string>>>>> = {
  edited: {
    chain: 'This leaf, or the one before it, is not the one that was committed.',
    root: 'The leaves from here to the next signed checkpoint are not the ones that were committed; hashes and chain were rebuilt.',
  },
  deleted: { root: 'Between here and the next signed checkpoint leaves are missing; hashes and chain were rebuilt.' },
  inserted: { root: 'Between here and the next signed checkpoint leaves were added; hashes and chain were rebuilt.' },
  reordered: {},
  truncated: {},
  'rolled-back': {},
}

export const plainMeanings: Readonly<Record<FindingName, string>> = {
  edited: 'This leaf is not the one that was committed.',
  deleted: 'A leaf that stood here is missing.',
  inserted: 'A leaf stands here that was not committed in this place.',
  reordered: 'The leaf that belongs here stands at another place.',
  truncated: 'The end of the log was cut off here: a signed checkpoint speaks for more leaves than there are.',
  'rolled-back':
    'An older copy of the log was put in its place: it is whole, but it ends before the checkpoint that was kept elsewhere.',
}

/** The log and the kept checkpoint are both signed, and contradict each other. */
export const FORKED =
  'The log was rolled back and written on, or its key signed two histories: its first leaves are not those of the checkpoint that was kept elsewhere.'

/** No checkpoint of the log speaks for the leaves that the kept one signed. */
export const UNLIKE_KEPT = 'The leaves up to here are not those that the checkpoint that was kept elsewhere signed.'

export function meaningOf(suspect: Suspect, finding: FindingName): string {
  return meanings[finding][suspect.kind] ?? plainMeanings[finding]
}
