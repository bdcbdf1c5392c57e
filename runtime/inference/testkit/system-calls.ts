import { readFileSync } from 'node:fs'
import type { WorkerCommand } from '../isolation.ts'

const TRACED =
  'execve,network,openat,open,creat,mkdir,mkdirat,mknod,mknodat,link,linkat,symlink,symlinkat,rename,renameat,renameat2,unlink,unlinkat,memfd_create'

/** The same command with every system call that reaches a network or makes a file written to `output` (strace(1)). */
export function traced(command: WorkerCommand, output: string): WorkerCommand {
  return {
    ...command,
    file: '/usr/bin/strace',
    args: [
      '--follow-forks',
      '-qq',
      '--signal=none',
      '-o',
      output,
      '-e',
      `trace=${TRACED}`,
      command.file,
      ...command.args,
    ],
  }
}

export interface TracedCalls {
  /** All that were traced: none means that nothing was watched. */
  readonly total: number
  /** Calls that make, connect or name a socket, or send to an address. The channel to the parent needs none. */
  readonly network: readonly string[]
  /** Calls that make, move or remove a file, or make memory that looks like one. */
  readonly files: readonly string[]
}

const NETWORK = /\b(socket|connect|bind|listen|accept4?|sendto|sendmmsg)\(/
const FILES =
  /O_CREAT|O_TMPFILE|\b(creat|mkdir(at)?|mknod(at)?|link(at)?|symlink(at)?|rename(at2?)?|unlink(at)?|memfd_create)\(/

/** What Node and everything in it called, from its start on: bubblewrap builds its walls with the same calls before that. */
export function callsOf(output: string): TracedCalls {
  const lines = readFileSync(output, 'latin1').split('\n')
  const start = lines.findIndex((line) => line.includes(`execve("${process.execPath}"`))
  const calls = start < 0 ? [] : lines.slice(start + 1)
  return {
    total: calls.length,
    network: calls.filter((line) => NETWORK.test(line)),
    files: calls.filter((line) => FILES.test(line)),
  }
}
