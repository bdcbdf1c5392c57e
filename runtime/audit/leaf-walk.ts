import { classify, type Finding, isDisplaced, MAX_FINDINGS, meaningOf, positionOf, type Suspect } from './findings.ts'
import { type Leaf, parseLeaf } from './leaf.ts'
import type { LeafRow } from './log-head.ts'
import { appendLeaf, CHAIN_START, chainHash, emptyFrontier, type Frontier, leafHash, rootOf } from './tree.ts'

/** What one row turned out to be. */
export interface WalkedLeaf {
  readonly leaf: Leaf | undefined
  /** Nothing is wrong with the row itself; its body can be held against it. */
  readonly isClean: boolean
}

interface Checked extends WalkedLeaf {
  readonly row: LeafRow
  readonly hash: Buffer
  readonly fault: Suspect['kind'] | undefined
}

/**
 * Recomputes the log row by row in constant memory. Between two signed checkpoints it only gathers what looks wrong; the
 * signed root then decides whether the stored hashes, or else the leaves' own, are the committed ones.
 */
export class LeafWalk {
  rows = 0
  /** Index that the next row should have. */
  expected = 0
  /** Leaves before this index are proven. */
  proven = 0
  /** A signed root did not hold, or rows are missing: no later root can be compared. */
  isBroken = false
  chain: Uint8Array | undefined = CHAIN_START
  stored: Frontier = emptyFrontier
  #computed: Frontier = emptyFrontier
  #isForked = false
  /** Suspects since the last checkpoint, and those that were settled. */
  #open: Suspect[] = []
  readonly #settled: Suspect[] = []
  /** Suspect of the row just before. */
  #previous: Suspect | undefined
  /** Number that is missing at its place → its suspect. */
  readonly #missing = new Map<number, Suspect>()

  step(row: LeafRow): WalkedLeaf {
    const checked = this.#check(row)
    this.rows += 1
    const isExplained = this.#lookBack(checked)
    const position = checked.fault === 'rows' ? this.expected : row.idx
    const isNew = checked.fault !== undefined && !isExplained
    this.#previous = isNew ? this.#suspect(checked.fault, position, checked.leaf) : undefined
    if (checked.fault === 'extra') return { leaf: undefined, isClean: false }
    if (checked.fault === 'rows') this.#break()
    this.#append(row, checked.hash)
    this.chain = row.chain
    this.expected = row.idx + 1
    return { leaf: checked.leaf, isClean: checked.isClean }
  }

  /** Is this the root of the leaves so far? Nothing follows from it; false also when that cannot be told any more. */
  isRoot(root: Uint8Array): boolean {
    const roots = [this.stored, ...(this.#isForked ? [this.#computed] : [])].map((frontier) => rootOf(frontier))
    return !this.isBroken && roots.some((own) => Buffer.from(own).equals(root))
  }

  /** Compares with the root that was signed at exactly this size. */
  holdAgainst(root: Uint8Array): void {
    if (this.isBroken) return
    const isStored = Buffer.from(rootOf(this.stored)).equals(root)
    const isComputed = !isStored && this.#isForked && Buffer.from(rootOf(this.#computed)).equals(root)
    if (!isStored && !isComputed) {
      if (this.#open.length === 0) this.#suspect('root', this.proven, undefined)
      this.#break()
      return
    }
    if (isComputed) this.stored = this.#computed
    this.#computed = this.stored
    this.#isForked = false
    for (const suspect of this.#open) suspect.isIsolated = true
    this.#settled.push(...this.#open.splice(0))
    this.proven = this.expected
  }

  /**
   * Findings about leaves, once every row has been seen.
   * @param signedSize leaves that the largest valid checkpoint speaks for
   * @param claimedSize leaves that any checkpoint, valid or not, speaks for: of these the checkpoint's own finding tells
   */
  findings(signedSize: number, claimedSize: number): Finding[] {
    if (!this.isBroken) this.#closeTail(signedSize, claimedSize)
    const suspects = [...this.#settled, ...this.#open]
    return suspects.slice(0, MAX_FINDINGS).map((suspect) => {
      const finding = classify(suspect, this.rows, signedSize)
      const position = positionOf(suspect, finding)
      return {
        finding,
        what: 'leaf',
        position,
        provenBefore: suspect.provenBefore,
        meaning: meaningOf(suspect, finding),
      }
    })
  }

  /** What stands behind the last signed checkpoint, or is missing before it. */
  #closeTail(signedSize: number, claimedSize: number): void {
    if (this.expected === signedSize) return
    if (this.expected > signedSize) this.#open = this.#open.filter((suspect) => suspect.position < signedSize)
    const isClaimed = this.expected > signedSize && claimedSize > signedSize
    const kind = this.expected < signedSize ? 'tail' : 'root'
    if (this.#open.length === 0 && !isClaimed) this.#suspect(kind, Math.min(this.expected, signedSize), undefined)
  }

  #check(row: LeafRow): Checked {
    const hash = leafHash(row.leaf)
    const leaf = readLeaf(row.leaf)
    const isWhole = leaf !== undefined && hash.equals(row.hash)
    const isChained = this.chain === undefined || chainHash(this.chain, row.hash).equals(row.chain)
    const fault = this.#faultOf(row, leaf, isWhole, isChained)
    return { row, hash, leaf, fault, isClean: fault === undefined }
  }

  #faultOf(row: LeafRow, leaf: Leaf | undefined, isWhole: boolean, isChained: boolean): Suspect['kind'] | undefined {
    if (row.idx < this.expected) return 'extra'
    if (row.idx > this.expected) return 'rows'
    if (leaf !== undefined && leaf.seq !== row.idx) return 'sequence'
    if (!isWhole) return 'content'
    return isChained ? undefined : 'chain'
  }

  /** Tells earlier suspects what this row says about them; true when it is the leaf that one of them misses. */
  #lookBack({ row, leaf, isClean }: Checked): boolean {
    if (this.#previous !== undefined && this.#previous.next === undefined) {
      this.#previous.next = { shift: leaf === undefined ? 0 : leaf.seq - row.idx, isClean }
    }
    const found = leaf === undefined || leaf.seq === row.idx ? undefined : this.#missing.get(leaf.seq)
    if (found === undefined) return false
    found.isFoundElsewhere = true
    return true
  }

  #suspect(kind: Suspect['kind'], position: number, leaf: Leaf | undefined): Suspect | undefined {
    if (this.isBroken || this.#open.length + this.#settled.length >= MAX_FINDINGS) return undefined
    const suspect: Suspect = {
      kind,
      position,
      sequence: leaf?.seq,
      provenBefore: this.proven,
      isIsolated: false,
      isFoundElsewhere: false,
      next: undefined,
    }
    this.#open.push(suspect)
    if (isDisplaced(suspect)) this.#missing.set(position, suspect)
    return suspect
  }

  /** From here on only the first suspect since the last signed root means anything: the others follow from it. */
  #break(): void {
    this.#open.splice(1)
    this.isBroken = true
  }

  #append(row: LeafRow, hash: Buffer): void {
    if (this.isBroken) return
    const before = this.#computed
    const isFork = this.#isForked || !hash.equals(row.hash)
    this.stored = appendLeaf(this.stored, row.hash)
    this.#computed = isFork ? appendLeaf(before, hash) : this.stored
    this.#isForked = isFork
  }
}

/** A leaf, or undefined for bytes that are not one. */
export function readLeaf(bytes: Uint8Array): Leaf | undefined {
  try {
    return parseLeaf(bytes)
  } catch {
    return undefined
  }
}
