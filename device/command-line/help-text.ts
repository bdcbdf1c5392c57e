import type { Command, Program } from './command.ts'

type Named = Pick<Command<never>, 'name' | 'synopsis' | 'summary'>

/** What the program itself answers to, beside its table. */
export const builtIns: readonly Named[] = [
  {
    name: 'completion',
    synopsis: 'bash | zsh | fish',
    summary: 'print what makes a shell complete commands and options',
  },
  { name: 'help', synopsis: '[COMMAND]', summary: 'explain a command, a group of commands, or this program' },
  { name: 'version', synopsis: '', summary: 'print the release' },
]

/** Everything the program can do. */
export function overview(program: Program<never>): string {
  const everywhere = Object.keys(program.everywhere).map((option) => ` [--${option} DIR]`)
  return `Usage: ${program.name} <command>${everywhere.join('')} [options]

${program.purpose}

Commands:
${list([...program.commands, ...builtIns])}
${program.notes}
Examples:
${program.examples.map((example) => `  ${example}\n`).join('')}
Exit codes: 0 done, 2 wrong usage; those of each command are in its --help, all of them in docs/cli.md.
`
}

/** The commands that begin with the same words. */
export function groupText(program: Program<never>, words: string, commands: readonly Named[]): string {
  const first = commands[0]?.name ?? words
  return `Usage: ${program.name} ${words} <command> [options]

Commands:
${list(commands)}
Each command explains itself, with examples and exit codes, by --help.

Example:
  ${program.name} ${first} --help
`
}

const MAX_HEAD = 44

/** A head that is too long for its column gets a line of its own. */
function list(commands: readonly Named[]): string {
  const heads = commands.map(({ name, synopsis }) => `${name} ${synopsis}`.trimEnd())
  const width = Math.max(...heads.filter((head) => head.length <= MAX_HEAD).map((head) => head.length))
  const lines = commands.map(({ summary }, place) => {
    const head = heads[place] ?? ''
    return head.length <= width
      ? `  ${head.padEnd(width)}  ${summary}\n`
      : `  ${head}\n  ${' '.repeat(width)}  ${summary}\n`
  })
  return lines.join('')
}
