import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A Debian package that tests need, the command that shows it is there, and why it is needed. */
export interface SystemPackage {
  readonly name: string
  readonly command: string
  readonly why: string
}

export const systemPackages: readonly SystemPackage[] = [
  { name: 'bubblewrap', command: 'bwrap', why: 'walls off the process that runs a model' },
  { name: 'util-linux', command: 'prlimit', why: 'limits the memory of the process that runs a model' },
  { name: 'strace', command: 'strace', why: 'shows that nothing opens a socket or writes telemetry' },
  {
    name: 'openssl',
    command: 'openssl',
    why: 'a second opinion on certificates and signatures; the yardstick of the bench',
  },
  { name: 'mosquitto', command: 'mosquitto', why: 'a broker that is not ours, of both versions of the protocol' },
  { name: 'prometheus', command: 'promtool', why: 'checks the text of /metrics' },
  {
    name: 'systemd',
    command: 'systemd-analyze',
    why: 'checks the units, and carries the words of a service to systemd',
  },
  { name: 'perl-base', command: 'perl', why: 'listens to these words: Node has no datagram sockets of the unix kind' },
  { name: 'chromium', command: 'chromium', why: 'walks the web pages with a client certificate' },
  { name: 'curl', command: 'curl', why: 'a client that is not ours, with a client certificate' },
]

/** How the machine is asked and changed; passed in so that tests need neither. */
export interface SystemTools {
  isOnPath(command: string): boolean
  run(file: string, args: readonly string[]): number
  readonly isRoot: boolean
  say(text: string): void
}

/**
 * Installs the packages whose command is missing, where that is possible without asking for a password.
 * @returns the exact command a person has to run, or undefined when nothing is missing any more
 */
export function ensureSystemPackages(packages: readonly SystemPackage[], tools: SystemTools): string | undefined {
  const missing = packages.filter((entry) => !tools.isOnPath(entry.command))
  if (missing.length === 0) return undefined
  for (const entry of missing) tools.say(`missing: ${entry.command} (Debian package ${entry.name}): ${entry.why}`)
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing.map((entry) => entry.name)]
  const privilege = privilegePrefix(tools)
  if (privilege !== undefined && tools.isOnPath('apt-get')) {
    tools.say(`installing: ${missing.map((entry) => entry.name).join(' ')}`)
    const attempt = (args: readonly string[]) => runApt(tools, privilege, args) === 0
    // A fresh container has no package lists: they are fetched only when the first try finds none.
    if (!attempt(install)) {
      attempt(['apt-get', 'update'])
      attempt(install)
    }
  }
  const still = missing.filter((entry) => !tools.isOnPath(entry.command))
  if (still.length === 0) return undefined
  return `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${still.map((entry) => entry.name).join(' ')}`
}

/** Nothing for root, `sudo -n` where it asks for no password, undefined where neither. */
function privilegePrefix(tools: SystemTools): readonly string[] | undefined {
  if (tools.isRoot) return []
  return tools.isOnPath('sudo') && tools.run('sudo', ['-n', 'true']) === 0 ? ['sudo', '-n'] : undefined
}

function runApt(tools: SystemTools, privilege: readonly string[], args: readonly string[]): number {
  const [file = 'apt-get', ...rest] = [...privilege, 'env', 'DEBIAN_FRONTEND=noninteractive', ...args]
  return tools.run(file, rest)
}

const APT_TIMEOUT_MS = 5 * 60 * 1000

export const hostTools: SystemTools = {
  isOnPath: (command) =>
    (process.env.PATH ?? '').split(delimiter).some((folder) => isExecutable(join(folder, command))),
  // apt's own words go to standard error: they matter only when something is wrong.
  run: (file, args) => spawnSync(file, args, { stdio: ['ignore', 2, 2], timeout: APT_TIMEOUT_MS }).status ?? 1,
  isRoot: process.getuid?.() === 0,
  say: (text) => process.stdout.write(`${text}\n`),
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
