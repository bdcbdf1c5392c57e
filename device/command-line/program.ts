import { type Command, commonExitCodes, type Program } from './command.ts'
import { completionScript, isShell, shells } from './completion.ts'
import { builtIns, groupText, overview } from './help-text.ts'
import { nearestNames } from './nearest-names.ts'

export interface ProgramStreams {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
}

/**
 * Runs the command that the first words name. Help, completion and the release are the same for every program.
 * @param args without the options that stand everywhere
 * @returns the exit code
 */
export async function runProgram<Context>(
  program: Program<Context>,
  args: readonly string[],
  context: Context,
  io: ProgramStreams,
): Promise<number> {
  const [first, ...rest] = args
  if (first === undefined) return say(io.stderr, overview(program), commonExitCodes.usage)
  if (first === '--help' || first === '-h') return say(io.stdout, overview(program))
  if (first === '--version' || first === 'version') return releaseOf(program, rest, io)
  if (first === 'help') return explain(program, rest, context, io)
  if (first === 'completion') return complete(program, rest, io)
  const found = findCommand(program, args)
  if (found !== undefined) return found.command.run(found.rest, context)
  return unknown(program, args, io)
}

function releaseOf(program: Program<never>, [option, ...others]: readonly string[], io: ProgramStreams): number {
  const { name, release } = program
  if (option === undefined) return say(io.stdout, `${release}\n`)
  if (option === '--help' || option === '-h') return say(io.stdout, overview(program))
  if (option === '--json' && others.length === 0) return say(io.stdout, `${JSON.stringify({ name, release })}\n`)
  return say(io.stderr, `${name}: version takes --json only\n`, commonExitCodes.usage)
}

/** The command that the first words name, with what is left of the arguments. */
export function findCommand<Context>(
  { commands }: Program<Context>,
  args: readonly string[],
): { command: Command<Context>; rest: readonly string[] } | undefined {
  for (const command of commands) {
    const words = command.name.split(' ')
    if (words.every((word, place) => args[place] === word)) return { command, rest: args.slice(words.length) }
  }
  return undefined
}

async function explain<Context>(
  program: Program<Context>,
  words: readonly string[],
  context: Context,
  io: ProgramStreams,
): Promise<number> {
  const [first] = words
  if (first === undefined || first.startsWith('-')) return say(io.stdout, overview(program))
  if (first === 'completion') return say(io.stdout, completionHelp(program))
  if (builtIns.some(({ name }) => name === first)) return say(io.stdout, overview(program))
  const found = findCommand(program, words)
  if (found !== undefined) return found.command.run(['--help'], context)
  return unknown(program, [...words, '--help'], io)
}

/** A group without a command lists its commands: wrong usage, unless that was asked for. */
function unknown<Context>(program: Program<Context>, args: readonly string[], io: ProgramStreams): number {
  const firstOption = args.findIndex((arg) => arg.startsWith('-'))
  const words = firstOption < 0 ? args : args.slice(0, firstOption)
  const isHelp = ['--help', '-h'].includes(args[words.length] ?? '')
  const typed = words.join(' ')
  const group = program.commands.filter(({ name }) => name.startsWith(`${typed} `))
  if (group.length > 0 && typed !== '')
    return say(isHelp ? io.stdout : io.stderr, groupText(program, typed, group), isHelp ? 0 : commonExitCodes.usage)
  const meant = meantBy(words, program).map((name) => `  ${program.name} ${name}\n`)
  const said =
    typed === '' ? `there is no option ${shown(args[0] ?? '')} here` : `there is no command "${shown(typed)}"`
  const help = `"${program.name} help" lists all commands.\n`
  const text = `${program.name}: ${said}\n${meant.length === 0 ? '' : `Did you mean\n${meant.join('')}`}${help}`
  return say(io.stderr, text, commonExitCodes.usage)
}

/** Commands, or a group where that is what was nearly typed. */
function meantBy(words: readonly string[], program: Program<never>): readonly string[] {
  const names = [...program.commands, ...builtIns].map(({ name }) => name)
  const groups = [...new Set(names.filter((name) => name.includes(' ')).map((name) => name.split(' ', 1).join('')))]
  const [first = '', second] = words
  const whole = second === undefined ? [] : nearestNames(`${first} ${second}`, names)
  const near = whole.length > 0 ? whole : nearestNames(first, [...groups, ...names])
  return near.filter((name) => !near.some((group) => name.startsWith(`${group} `)))
}

function complete(program: Program<never>, args: readonly string[], io: ProgramStreams): number {
  const [shell = '', ...others] = args
  if (shell === '--help' || shell === '-h') return say(io.stdout, completionHelp(program))
  if (others.length === 0 && isShell(shell)) return say(io.stdout, completionScript(program, shell))
  const text = `${program.name}: name one shell: ${shells.join(', ')}\n\n${completionHelp(program)}`
  return say(io.stderr, text, commonExitCodes.usage)
}

function completionHelp({ name }: Program<never>): string {
  return `Usage: ${name} completion bash | zsh | fish

Prints what makes a shell complete the commands and options of ${name}. It is made from the same table as the help.

Examples:
  ${name} completion bash > ~/.local/share/bash-completion/completions/${name}
  ${name} completion zsh > ~/.zfunc/_${name}          with fpath+=~/.zfunc before compinit in .zshrc
  ${name} completion fish > ~/.config/fish/completions/${name}.fish
  source <(${name} completion bash)                  for this shell alone

Exit codes: 0 done, 2 wrong usage.
`
}

const MAX_SHOWN = 64

/** What was typed, without anything that a terminal would act on. */
function shown(text: string): string {
  return text.slice(0, MAX_SHOWN).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd')
}

function say(stream: { write(text: string): unknown }, text: string, code = 0): number {
  stream.write(text)
  return code
}
