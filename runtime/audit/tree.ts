import { sha256 } from '../../device/crypto/bulk.ts'
import { AuditError } from './errors.ts'

/** The Merkle tree of RFC 6962 §2.1 over SHA-256, as far as appending needs it, and the hash chain beside it. */
export const HASH_BYTES = 32
const LEAF_PREFIX = Uint8Array.of(0x00)
const NODE_PREFIX = Uint8Array.of(0x01)
const CHAIN_PREFIX = Uint8Array.of(0x02)

/** What comes before the first leaf in the chain: 32 zero bytes. */
export const CHAIN_START: Uint8Array = Buffer.alloc(HASH_BYTES)

/** SHA-256(0x00 ‖ leaf). */
export function leafHash(leaf: Uint8Array): Buffer {
  return sha256(LEAF_PREFIX, leaf)
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return sha256(NODE_PREFIX, left, right)
}

/** SHA-256(0x02 ‖ chain value of the leaf before ‖ leaf hash). */
export function chainHash(before: Uint8Array, hash: Uint8Array): Buffer {
  return sha256(CHAIN_PREFIX, before, hash)
}

/**
 * The roots of the perfect subtrees that a tree of `size` leaves falls into, largest first: one for each set bit of the
 * size. It is all that is needed to append and to compute the root. A value, never changed in place, so that the log's
 * state moves on only once a batch is durable.
 */
export interface Frontier {
  readonly size: number
  readonly peaks: readonly Uint8Array[]
}

export const emptyFrontier: Frontier = { size: 0, peaks: [] }

export function appendLeaf(frontier: Frontier, hash: Uint8Array): Frontier {
  const peaks = [...frontier.peaks]
  let merged = hash
  for (let rest = frontier.size; rest % 2 === 1; rest = (rest - 1) / 2)
    merged = nodeHash(peaks.pop() ?? CHAIN_START, merged)
  peaks.push(merged)
  return { size: frontier.size + 1, peaks }
}

/** The tree's root; of the empty tree SHA-256 of nothing. */
export function rootOf(frontier: Frontier): Uint8Array {
  return frontier.peaks.length === 0 ? sha256() : frontier.peaks.reduceRight((right, left) => nodeHash(left, right))
}

export function encodeFrontier(frontier: Frontier): Uint8Array {
  return Buffer.concat(frontier.peaks)
}

/** @throws AuditError audit_log_damaged when the bytes are not a frontier of this size. */
export function parseFrontier(bytes: Uint8Array, size: number): Frontier {
  const isWhole = Number.isSafeInteger(size) && size >= 0 && bytes.length === setBits(size) * HASH_BYTES
  if (!isWhole) throw new AuditError('audit_log_damaged')
  const peaks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += HASH_BYTES) peaks.push(Buffer.from(bytes.subarray(at, at + HASH_BYTES)))
  return { size, peaks }
}

function setBits(size: number): number {
  let count = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2
  return count
}
