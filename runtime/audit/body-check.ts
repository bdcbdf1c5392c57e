import type { Database } from '../storage/database.ts'
import { CHANGES_VERSION } from '../storage/schema.ts'
import { openBody, type SealedBody } from '../storage/sealed-body.ts'
import type { SubjectKeys } from '../storage/subjects.ts'
import { type Finding, MAX_FINDINGS } from './findings.ts'
import { imageVersionKinds, type Leaf } from './leaf.ts'
import { readLeaf, type WalkedLeaf } from './leaf-walk.ts'

interface ActivationColumns {
  readonly slot: string
  readonly modelId: string
  readonly version: string
  readonly packageHash: string
  readonly releaseCounter: number
  readonly event: string | null
}

const meanings = {
  bodyEdited: 'The record behind this leaf is not the one the leaf committed to.',
  bodyMissing: 'The record behind this leaf, or the key it was sealed under, is missing.',
  bodyExtra: 'A record stands here that no leaf committed to.',
  bodyMoved: 'The record behind this leaf belongs to another leaf.',
  subjectSwapped: 'The register of subjects gives this record to another patient than the one it names.',
  activationEdited: 'The activation differs from its leaf.',
  activationMissing: 'The activation that this leaf speaks of is missing.',
  activationExtra: 'An activation stands here that no leaf speaks of.',
  imageEdited: 'The remembered version of the image targets differs from its leaf.',
  imageMissing: 'The version of the image targets that this leaf speaks of is not remembered.',
  imageExtra: 'A version of the image targets is remembered that no leaf speaks of.',
} as const

/** Holds bodies and activations against their leaves, leaf by leaf, in constant memory. */
export class BodyCheck {
  bodies = 0
  readonly findings: Finding[] = []
  readonly #keys: SubjectKeys
  readonly #activation: (index: number) => (ActivationColumns & { readonly change: string | null }) | undefined
  /** Commitments of bodies found under another leaf → place of their finding, to see whether their own leaf comes later. */
  readonly #strays = new Map<string, number>()
  readonly #imageVersion: (index: number) => number | undefined
  #activations = 0
  #imageVersions = 0

  constructor(database: Database, keys: SubjectKeys) {
    this.#keys = keys
    const knowsChanges = hasChanges(database)
    const activation = database.prepare<ActivationColumns & { readonly change: string | null }>(
      `SELECT slot, model_id AS modelId, version, package_hash AS packageHash, release_counter AS releaseCounter,
       ${knowsChanges ? 'event, change' : 'NULL AS event, NULL AS change'} FROM activations WHERE idx = ?`,
    )
    this.#activation = (index) => activation.get(index)
    const image = knowsChanges
      ? database.prepare<{ version: number }>('SELECT version FROM image_versions WHERE idx = ?')
      : undefined
    this.#imageVersion = (index) => image?.get(index)?.version
  }

  /** @param row the body stored for this leaf, if any */
  step(index: number, { leaf, isClean }: WalkedLeaf, row: SealedBody | undefined, provenBefore: number): void {
    if (row !== undefined) this.bodies += 1
    if (leaf === undefined || !isClean) return
    this.#claimStray(leaf.body)
    this.#report('body', this.#bodyFault(leaf, row), index, provenBefore)
    this.#report('activation', this.#activationFault(index, leaf), index, provenBefore)
    this.#report('activation', this.#imageFault(index, leaf), index, provenBefore)
  }

  /** Rows that no leaf stands for. To be called after the last leaf. */
  finish(database: Database, proven: number): void {
    const orphan = database
      .prepare<{ idx: number }>('SELECT idx FROM bodies WHERE idx NOT IN (SELECT idx FROM leaves) ORDER BY idx LIMIT 1')
      .get()
    if (orphan !== undefined) this.#reportOrphan('body', meanings.bodyExtra, orphan.idx, proven)
    if (rowsOf(database, 'activations') > this.#activations)
      this.#reportOrphan(
        'activation',
        meanings.activationExtra,
        firstStray(database, 'activations', isActivation),
        proven,
      )
    if (hasChanges(database) && rowsOf(database, 'image_versions') > this.#imageVersions)
      this.#reportOrphan(
        'activation',
        meanings.imageExtra,
        firstStray(database, 'image_versions', saysImageVersion),
        proven,
      )
  }

  #reportOrphan(what: Finding['what'], meaning: string, position: number, proven: number): void {
    this.#report(what, { finding: 'inserted', meaning }, position, Math.min(position, proven))
  }

  #report(what: Finding['what'], fault: Fault | undefined, position: number, provenBefore: number): void {
    if (fault === undefined || this.findings.length >= MAX_FINDINGS) return
    this.findings.push({ ...fault, what, position, provenBefore })
  }

  #bodyFault(leaf: Leaf, row: SealedBody | undefined): Fault | undefined {
    const committed = leaf.body
    if (committed === undefined)
      return row === undefined ? undefined : { finding: 'inserted', meaning: meanings.bodyExtra }
    const opened = row === undefined ? 'no key' : this.#open(row)
    if (opened === 'no key') return { finding: 'deleted', meaning: meanings.bodyMissing }
    if (opened === committed) return row !== undefined && !this.#isFiledRight(row) ? SUBJECT_SWAPPED : undefined
    if (opened !== undefined && this.#strays.size < MAX_FINDINGS) this.#strays.set(opened, this.findings.length)
    return { finding: 'edited', meaning: meanings.bodyEdited }
  }

  /** The leaf of a body that was found under an earlier leaf: the two changed places. */
  #claimStray(committed: string | number | undefined): void {
    const place = typeof committed === 'string' ? this.#strays.get(committed) : undefined
    const finding = place === undefined ? undefined : this.findings[place]
    if (place !== undefined && finding !== undefined) {
      this.findings[place] = { ...finding, finding: 'reordered', meaning: meanings.bodyMoved }
    }
  }

  #open(row: SealedBody): string | 'no key' | undefined {
    try {
      const key = this.#keys.keyOf(row.subject)
      return key === undefined ? 'no key' : openBody(row, key).commitment
    } catch {
      return undefined
    }
  }

  /** A record that names its patient must be under that patient's entry of the register. */
  #isFiledRight(row: SealedBody): boolean {
    const key = this.#keys.keyOf(row.subject)
    const named = key === undefined ? undefined : openBody(row, key).body.content.subject
    return typeof named !== 'string' || this.#keys.isKnownAs(row.subject, named)
  }

  #activationFault(index: number, leaf: Leaf): Fault | undefined {
    if (!isActivation(leaf)) return undefined
    const row = this.#activation(index)
    if (row === undefined) return { finding: 'deleted', meaning: meanings.activationMissing }
    this.#activations += 1
    const { change, ...columns } = row
    const isItsKind = leaf.kind === (change === 'rollback' ? 'rolled-back' : 'activated')
    const isSame = Object.entries(columns).every(([name, value]) => (leaf[name] ?? null) === value)
    return isItsKind && isSame ? undefined : { finding: 'edited', meaning: meanings.activationEdited }
  }

  #imageFault(index: number, leaf: Leaf): Fault | undefined {
    if (!saysImageVersion(leaf)) return undefined
    const version = this.#imageVersion(index)
    if (version === undefined) return { finding: 'deleted', meaning: meanings.imageMissing }
    this.#imageVersions += 1
    return version === leaf.imageVersion ? undefined : { finding: 'edited', meaning: meanings.imageEdited }
  }
}

const isActivation = ({ kind }: Leaf): boolean => kind === 'activated' || kind === 'rolled-back'

function saysImageVersion({ kind, imageVersion }: Leaf): boolean {
  return imageVersion !== undefined && imageVersionKinds.some((known) => known === kind)
}

/** A database that no newer runtime has opened yet is read as it is. */
function hasChanges(database: Database): boolean {
  const row = database.prepare<{ version: number | null }>('SELECT max(version) AS version FROM migrations').get()
  return (row?.version ?? 0) >= CHANGES_VERSION
}

function rowsOf(database: Database, table: 'activations' | 'image_versions'): number {
  return database.prepare<{ count: number }>(`SELECT count(*) AS count FROM ${table}`).get()?.count ?? 0
}

type Fault = Pick<Finding, 'finding' | 'meaning'>

const SUBJECT_SWAPPED: Fault = { finding: 'edited', meaning: meanings.subjectSwapped }

function firstStray(
  database: Database,
  table: 'activations' | 'image_versions',
  isSpokenOf: (leaf: Leaf) => boolean,
): number {
  const rows = database.prepare<{ idx: number; leaf: Uint8Array | null }>(
    `SELECT a.idx, l.leaf FROM ${table} a LEFT JOIN leaves l ON l.idx = a.idx ORDER BY a.idx`,
  )
  for (const { idx, leaf } of rows.iterate()) {
    const known = leaf === null ? undefined : readLeaf(leaf)
    if (known === undefined || !isSpokenOf(known)) return idx
  }
  return 0
}
