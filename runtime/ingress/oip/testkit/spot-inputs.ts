/** What the spot contract takes, as a generic client writes it in JSON. */
export interface JsonInput {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data?: readonly unknown[]
  readonly parameters?: Readonly<Record<string, unknown>>
}

export function spotInputs(changes: Readonly<Record<string, Partial<JsonInput> | undefined>> = {}): JsonInput[] {
  const one = (name: string, datatype: string, value: unknown): JsonInput => ({
    name,
    datatype,
    shape: [1],
    data: [value],
  })
  const inputs = [
    one('respiration-rate', 'FP64', 18),
    { ...one('temperature', 'FP64', 98.6), parameters: { unit: '[degF]' } },
    one('age', 'INT32', 61),
    one('oxygen', 'BOOL', false),
    one('pregnant', 'BOOL', false),
    one('consciousness', 'BYTES', 'A'),
  ]
  return inputs.flatMap((input) => {
    if (!Object.hasOwn(changes, input.name)) return [input]
    const change = changes[input.name]
    return change === undefined ? [] : [{ ...input, ...change }]
  })
}
