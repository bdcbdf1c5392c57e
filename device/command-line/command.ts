/** What a word on the command line may be: enough to complete it. */
export type Value = 'file' | 'folder' | 'text' | readonly string[]

/** What an option takes behind it; `flag` takes nothing. */
export type OptionValue = Value | 'flag'

/** Exit code → what it means. 2 (wrong usage) holds for every command and is not repeated. */
export type ExitCodes = Readonly<Record<number, string>>

/**
 * One command of a program, as help, shell completion and docs/cli.md know it. It gets its arguments without its own name and
 * answers `--help` itself.
 */
export interface Command<Context> {
  /** One or more words, such as `model install`. */
  readonly name: string
  readonly synopsis: string
  readonly summary: string
  /** Long names without the dashes; `help` is understood. */
  readonly options: Readonly<Record<string, OptionValue>>
  /** What the words behind it are. */
  readonly operand?: Value
  readonly exitCodes: ExitCodes
  /** @returns the exit code */
  readonly run: (args: readonly string[], context: Context) => Promise<number>
}

/** A program with its table of commands: to add a command, add it to the table. */
export interface Program<Context> {
  readonly name: string
  readonly release: string
  /** One sentence: what it is. */
  readonly purpose: string
  /** Options that stand anywhere, for every command. */
  readonly everywhere: Readonly<Record<string, OptionValue>>
  /** What is said below the list of commands. */
  readonly notes: string
  /** Whole command lines. */
  readonly examples: readonly string[]
  readonly commands: readonly Command<Context>[]
}

/** Exit codes of every command of both programs, beside its own. */
export const commonExitCodes = { done: 0, usage: 2, readerGone: 141 } as const

export const commonExitMeanings: ExitCodes = {
  [commonExitCodes.done]: 'done, or the answer is good',
  [commonExitCodes.usage]: 'wrong usage: what was typed is not a command, or not its options',
  [commonExitCodes.readerGone]: 'whoever read the output left early (`| head`)',
}
