import type { Randomness } from '../../device/crypto/randomness.ts'
import type { Clock } from '../../device/platform/clock.ts'

export interface CommandStream {
  write(text: string | Uint8Array, done?: () => void): unknown
  readonly isTTY?: boolean | undefined
  readonly rows?: number | undefined
}

/** What a command is given of the world. */
export interface FleetIo {
  readonly stdout: CommandStream
  readonly stderr: CommandStream
  readonly clock: Clock
  readonly randomness: Randomness
  /** Resolves when the user or the system asks to stop. */
  readonly stopAsked: Promise<void>
}

/** Waits until the stream has taken the text: a slow reader must not fill our memory. */
export function writeAll(stream: CommandStream, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    stream.write(text, () => resolve())
  })
}

/** A mistake in the arguments: the command's usage is printed. */
export class UsageFault {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}
