import { createHash } from 'node:crypto'
import { sha256 } from '../../device/crypto/bulk.ts'
import { chunkLength } from '../../models/package/container.ts'
import { PackageError } from '../../models/package/errors.ts'
import { HEADER_BYTES, readContainer } from '../../models/package/header.ts'
import { verifyLayout } from '../../models/package/layout.ts'
import { type Manifest, parseManifest } from '../../models/package/manifest.ts'
import { type AgreedTarget, verifyIdentity } from '../../models/package/policy.ts'

interface ListedChunk {
  readonly about: string
  readonly lengthBytes: number
  readonly sha256: string
}

const NOTHING = Buffer.alloc(0)

/**
 * Judges a package while it arrives, unit by unit: header, manifest, then each chunk against the hash that the signed
 * manifest lists for it. So what is wrong is found where it is wrong, and only that is fetched again; and nothing that
 * was not signed is ever written. Whole and in order, the same bytes also give the hash of the package.
 */
export class ArrivalCheck {
  readonly #target: AgreedTarget
  readonly #whole = createHash('sha256')
  #unit: Buffer = Buffer.alloc(HEADER_BYTES)
  #filledBytes = 0
  #soundBytes = 0
  #judge: (unit: Buffer) => void
  #header: Buffer = NOTHING
  #chunks: readonly ListedChunk[] = []
  #listed: ReadonlySet<string> = new Set()
  #chunk = 0
  #finding: PackageError | undefined

  constructor(target: AgreedTarget) {
    this.#target = target
    this.#judge = (unit) => this.#judgeHeader(unit)
  }

  /** Bytes from the start that are what was signed. */
  get soundBytes(): number {
    return this.#soundBytes
  }

  /** Those, and what has come of the next unit: where a source is asked to go on. */
  get receivedBytes(): number {
    return this.#soundBytes + this.#filledBytes
  }

  /** The refusal that `push` raised last. */
  get finding(): PackageError | undefined {
    return this.#finding
  }

  get isComplete(): boolean {
    return this.#soundBytes === this.#target.lengthBytes
  }

  /**
   * Takes what came and gives back each unit that it completes and that is sound.
   * @throws PackageError for a unit that is not what was signed; `rewind` then makes ready to be given it anew
   */
  *push(bytes: Uint8Array): Generator<Buffer, void> {
    for (let taken = 0; taken < bytes.length; ) {
      if (this.isComplete) throw this.#found(new PackageError('package_oversized'))
      const count = Math.min(bytes.length - taken, this.#unit.length - this.#filledBytes)
      this.#unit.set(bytes.subarray(taken, taken + count), this.#filledBytes)
      this.#filledBytes += count
      taken += count
      // A unit may be empty: a manifest of no bytes is judged, and refused, at once.
      while (!this.isComplete && this.#filledBytes === this.#unit.length) yield this.#accept()
    }
  }

  /** Forgets what came after the last sound unit. */
  rewind(): void {
    this.#filledBytes = 0
  }

  /** @throws PackageError package_truncated | package_hash_mismatch; to be asked once, at the end */
  finish(): void {
    if (!this.isComplete) throw new PackageError('package_truncated')
    if (this.#whole.digest('hex') !== this.#target.packageHash) throw new PackageError('package_hash_mismatch')
  }

  #accept(): Buffer {
    const unit = this.#unit
    try {
      this.#judge(unit)
    } catch (error) {
      throw error instanceof PackageError ? this.#found(error) : error
    }
    this.#whole.update(unit)
    this.#soundBytes += unit.length
    this.#filledBytes = 0
    return unit
  }

  #found(error: PackageError): PackageError {
    this.#finding = error
    return error
  }

  #judgeHeader(header: Buffer): void {
    // The manifest is not here yet: what is asked is whether the header is one, and where its manifest ends.
    const { payloadOffset } = readContainer((at) => (at === 0 ? header : NOTHING), this.#target.lengthBytes)
    this.#header = header
    this.#expect(payloadOffset - HEADER_BYTES, (unit) => this.#judgeManifest(unit))
  }

  #judgeManifest(bytes: Buffer): void {
    const container = readContainer((at) => (at === 0 ? this.#header : bytes), this.#target.lengthBytes)
    if (container.manifestHash !== this.#target.manifestHash) throw new PackageError('package_manifest_corrupt')
    const manifest = parseManifest(bytes)
    verifyLayout(manifest.files, container.payloadBytes)
    verifyIdentity(manifest, this.#target)
    this.#chunks = listedChunks(manifest)
    this.#listed = new Set(this.#chunks.map((chunk) => chunk.sha256))
    this.#expectChunk(0)
  }

  #judgeChunk(bytes: Buffer): void {
    const chunk = this.#chunks[this.#chunk]
    const found = sha256(bytes).toString('hex')
    if (chunk === undefined || found !== chunk.sha256) {
      const code = this.#listed.has(found) ? 'package_chunk_reordered' : 'package_chunk_corrupt'
      throw new PackageError(code, chunk === undefined ? {} : { about: chunk.about })
    }
    this.#expectChunk(this.#chunk + 1)
  }

  #expectChunk(index: number): void {
    this.#chunk = index
    this.#expect(this.#chunks[index]?.lengthBytes ?? 0, (unit) => this.#judgeChunk(unit))
  }

  #expect(lengthBytes: number, judge: (unit: Buffer) => void): void {
    this.#unit = Buffer.alloc(lengthBytes)
    this.#judge = judge
  }
}

/** The layout has been verified: in this order the chunks fill the payload without a gap. */
function listedChunks({ files }: Manifest): ListedChunk[] {
  return files.flatMap((file) =>
    file.chunks.map((hash, chunk) => ({
      about: `${file.role}, chunk ${chunk}`,
      lengthBytes: chunkLength(file, chunk),
      sha256: hash,
    })),
  )
}
