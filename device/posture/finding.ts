/** One answered question about how the machine is set up. */
export interface Finding {
  readonly answer: 'yes' | 'no' | 'cannot tell'
  /** True only where it has been seen to be wrong; what cannot be told is not a fault, and is not well either. */
  readonly isFault: boolean
  readonly why: string
  /** What a person can do about it; null when nothing is to be done. */
  readonly todo: string | null
}

export function good(answer: 'yes' | 'no', why: string): Finding {
  return { answer, isFault: false, why, todo: null }
}

export function fault(answer: 'yes' | 'no', why: string, todo: string): Finding {
  return { answer, isFault: true, why, todo }
}

export function unknown(why: string, todo: string | null = null): Finding {
  return { answer: 'cannot tell', isFault: false, why, todo }
}
