import type { Randomness } from '../../device/crypto/randomness.ts'

const FIRST_MS = 500

/**
 * How long to wait before the next try: doubles up to a limit, and half of it is drawn, so that a fleet that lost its broker does
 * not come back in one moment.
 * @param failures tries in a row that came to nothing, from 1
 */
export function reconnectDelayMs(failures: number, maxMs: number, randomness: Randomness): number {
  const whole = Math.min(maxMs, FIRST_MS * 2 ** Math.min(failures - 1, 20))
  return whole / 2 + (whole / 2) * (Buffer.from(randomness.bytes(4)).readUInt32BE() / 2 ** 32)
}
