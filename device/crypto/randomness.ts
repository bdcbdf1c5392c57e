import { randomBytes } from 'node:crypto'

/** Where unpredictable bytes come from; passed in so that tests can fix them. */
export interface Randomness {
  bytes(count: number): Buffer
}

export const systemRandomness: Randomness = { bytes: (count) => randomBytes(count) }
