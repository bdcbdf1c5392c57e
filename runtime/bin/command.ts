/** A command gets its arguments without its own name and without --site, and answers --help itself. @returns the exit code */
export type CommandRun = (args: readonly string[], site: string) => Promise<number>

export interface Command {
  readonly name: string
  readonly synopsis: string
  readonly summary: string
  readonly run: CommandRun
}
