/** How a process ended: an identifier for status and log, and whether its last words were that memory ran out. */
export interface WorkerEnd {
  readonly how: string
  readonly outOfMemory: boolean
}

export interface ChildEvents {
  /** Bytes of its channel, as they come. */
  data(chunk: Buffer): void
  /** Exactly once, whatever happened; nothing comes after it. */
  ended(end: WorkerEnd): void
}

/** A process behind the walls, and our end of its channel. */
export interface IsolatedChild {
  /** Undefined when it could not be started, and for one in a unit: that is a child of systemd and not of ours. */
  readonly pid: number | undefined
  /** @returns false when so much waits that the writer should wait too. */
  write(bytes: Uint8Array, written?: () => void): boolean
  /** Calls once what waits has gone down. */
  whenDrained(drained: () => void): void
  /** Whether the process keeps ours alive. */
  hold(held: boolean): void
  /** Closes the channel: an idle process leaves by itself. */
  release(): void
  /** Ends the process and, through its namespace, everything inside. Nothing more comes of its channel. */
  kill(): void
}
