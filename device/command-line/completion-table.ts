import type { Command, OptionValue, Program, Value } from './command.ts'
import { builtIns } from './help-text.ts'

/** One question that a completion asks of the table, with the answers by key: words that hold no quotes and no spaces. */
export interface Question {
  readonly name: 'next' | 'options' | 'value' | 'operand'
  readonly answers: readonly (readonly [key: string, answer: string])[]
}

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** What a completion has to know of a program. Kinds of values: `file`, `folder`, `text`, `flag`, or `words` and the words. */
export function completionTable(program: Program<never>): readonly Question[] {
  const { commands, everywhere } = program
  const names = [...commands, ...builtIns].map(({ name }) => name)
  const groups = new Set(
    names.flatMap((name) => name.split(' ').map((_, place, words) => words.slice(0, place).join(' '))),
  )
  const always = { help: 'flag', ...everywhere } as const
  const optionsOf = (command: Command<never>) => Object.keys({ ...command.options, ...always }).sort()
  return [
    { name: 'next', answers: [...groups].map((group) => [group, followers(group, names)]) },
    {
      name: 'options',
      answers: [
        ...commands.map((command) => [command.name, dashed(optionsOf(command))] as const),
        ['', dashed([...Object.keys(always), 'version'])],
      ],
    },
    {
      name: 'value',
      answers: [
        ...commands.flatMap(({ name, options }) =>
          Object.entries(options).map(([option, value]) => [`${name} --${option}`, kind(value)] as const),
        ),
        ...Object.entries(everywhere).map(([option, value]) => [`* --${option}`, kind(value)] as const),
      ],
    },
    {
      name: 'operand',
      answers: [
        ...commands.flatMap(({ name, operand }) => (operand === undefined ? [] : [[name, kind(operand)] as const])),
        ['completion', kind(shells)],
      ],
    },
  ]
}

function followers(group: string, names: readonly string[]): string {
  const start = group === '' ? '' : `${group} `
  const next = names.filter((name) => name.startsWith(start)).map((name) => name.slice(start.length).split(' ')[0])
  return [...new Set(next)].sort().join(' ')
}

function dashed(options: readonly string[]): string {
  return options.map((option) => `--${option}`).join(' ')
}

function kind(value: OptionValue | Value): string {
  return typeof value === 'string' ? value : `words ${value.join(' ')}`
}
