import type { Command as CommandOf } from '../../device/command-line/command.ts'

/** A command of `wardstone`: it is given the folder of the site (--site). */
export type Command = CommandOf<string>
/** @returns the exit code */
export type CommandRun = Command['run']
