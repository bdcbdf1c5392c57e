import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sha256 } from '../../../device/crypto/bulk.ts'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import { sealFile } from '../../../models/package/container.ts'
import type { WorkerSource } from '../types.ts'

/** Bytes before the payload, so that an offset forgotten shows. */
const PAYLOAD_OFFSET = 4096
const FILE_INDEX = 1

export interface TrialSource {
  readonly source: WorkerSource
  readonly folder: string
  remove(): void
}

/** A model encrypted as in a package, in a file of its own in a temporary folder. */
export function trialSource(model: Uint8Array): TrialSource {
  const folder = mkdtempSync(join(tmpdir(), 'wardstone-inference-'))
  const contentKey = systemRandomness.bytes(32)
  const salt = systemRandomness.bytes(32)
  const chunks = sealFile(model, FILE_INDEX, contentKey, salt)
  const path = join(folder, 'trial.wspkg')
  writeFileSync(path, Buffer.concat([Buffer.alloc(PAYLOAD_OFFSET), ...chunks]), { mode: 0o600 })
  const fd = openSync(path, 'r')
  const hashes = chunks.map((chunk) => sha256(chunk).toString('hex'))
  const file = {
    role: 'model',
    offset: 0,
    length: model.length,
    sha256: sha256(model).toString('hex'),
    chunks: hashes,
  } as const
  return {
    source: {
      modelId: 'trial',
      fd,
      payloadOffset: PAYLOAD_OFFSET,
      file: { ...file },
      fileIndex: FILE_INDEX,
      contentKey,
      salt,
    },
    folder,
    remove: () => {
      closeSync(fd)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
