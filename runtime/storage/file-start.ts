import { closeSync, openSync, readSync } from 'node:fs'

/** The first bytes of a file, at most `maxBytes`. */
export function readStart(path: string, maxBytes: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const start = Buffer.alloc(maxBytes)
    return start.subarray(0, readSync(file, start, 0, maxBytes, 0))
  } finally {
    closeSync(file)
  }
}
