import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Command, commonExitMeanings, type ExitCodes } from '../../device/command-line/command.ts'
import { builtIns } from '../../device/command-line/help-text.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { root } from '../../house/source-tree.ts'
import { fleetProgram } from '../../updater/operator/command.ts'
import { takeSite, wardstoneProgram } from './command-table.ts'

afterEach(() => vi.restoreAllMocks())

interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}
interface Entry extends Omit<Command<never>, 'run'> {
  readonly program: string
  readonly everywhere: readonly string[]
  readonly ask: (args: readonly string[]) => Promise<Said>
}

/** Catches what a command says on the streams of this process. */
async function caught(run: () => Promise<number>): Promise<Said> {
  const said = { out: '', err: '' }
  const into = (name: 'out' | 'err') => (text: string | Uint8Array) => {
    said[name] += text
    return true
  }
  vi.spyOn(process.stdout, 'write').mockImplementation(into('out'))
  vi.spyOn(process.stderr, 'write').mockImplementation(into('err'))
  try {
    return { code: await run(), ...said }
  } finally {
    vi.restoreAllMocks()
  }
}

const wardstone: Entry[] = wardstoneProgram.commands.map((command) => ({
  ...{ ...command, program: 'wardstone', everywhere: Object.keys(wardstoneProgram.everywhere) },
  ask: (args) => caught(() => command.run(args, '/nowhere')),
}))
const fleet: Entry[] = fleetProgram.commands.map((command) => ({
  ...{ ...command, program: 'wardstone-fleet', everywhere: [] },
  ask: (args) =>
    caught(() => {
      const { stdout, stderr } = process
      const streams = {
        stdout: { write: (text: string | Uint8Array) => stdout.write(text) },
        stderr: { write: (text: string | Uint8Array) => stderr.write(text) },
      }
      return command.run(args, {
        ...streams,
        clock: systemClock,
        randomness: systemRandomness,
        stopAsked: Promise.resolve(),
      })
    }),
}))
const all = [...wardstone, ...fleet]

const numbers = (codes: ExitCodes) => Object.keys(codes).map(Number)
const unique = <T>(list: readonly T[]) => [...new Set(list)]

describe.each(all.map((entry) => [`${entry.program} ${entry.name}`, entry] as const))('%s', (title, entry) => {
  const { options, exitCodes, everywhere, ask } = entry

  it('explains itself: usage, examples, and each of its options and exit codes, no others', async () => {
    const { code, out, err } = await ask(['--help'])
    expect([code, err]).toEqual([0, ''])
    expect(out.startsWith(`Usage: ${title} `)).toBe(true)
    expect(out).toMatch(new RegExp(`^Examples?:?.*\\n(.*\\n)*? +.*${title} `, 'm'))
    const [, said = ''] = /^(?:.*\. )?Exit codes: ([\s\S]*)$/m.exec(out) ?? []
    // A number that a meaning begins with, not one within it.
    const shown = [...said.matchAll(/(?:^|[,;:.]\s+|\s)(\d{1,3}) (?=[a-z])/g)].map(([, number]) => Number(number))
    expect(unique(shown).sort((a, b) => a - b)).toEqual([0, 2, ...numbers(exitCodes)].sort((a, b) => a - b))
    const own = out.slice(0, out.search(/^Examples?[:,]/m))
    const named = unique([...own.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)].map(([, name]) => name))
    const known = [...Object.keys(options), ...everywhere]
    expect(named.filter((name) => !known.includes(String(name)))).toEqual([])
    expect(Object.keys(options).filter((name) => !named.includes(name))).toEqual([])
  })

  it('understands each option that the completion offers, with or without a value as it says', async () => {
    const given = Object.entries(options).flatMap(([name, value]) => {
      if (value === 'flag') return [`--${name}`]
      return [`--${name}`, typeof value === 'string' ? '1' : (value[0] ?? '')]
    })
    expect(await ask([...given, '--help'])).toMatchObject({ code: 0, err: '' })
    for (const [name, value] of Object.entries(options))
      if (value !== 'flag') expect(await ask(['--help', `--${name}`])).toMatchObject({ code: 2, out: '' })
    expect(await ask(['--help', '--no-such-option'])).toMatchObject({ code: 2, out: '' })
  })

  it('can be completed: no word in its table would end a quotation or a line', () => {
    const choices = Object.values(options).flatMap((value) => (typeof value === 'string' ? [] : [...value]))
    for (const word of [...entry.name.split(' '), ...Object.keys(options), ...choices])
      expect(word).toMatch(/^[a-z0-9-]+$/)
  })
})

describe('docs/cli.md', () => {
  const page = readFileSync(join(root, 'docs/cli.md'), 'utf8')
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.trim()),
    )

  it('lists every command with what it is for', () => {
    const listed = rows.filter(([name = '']) => /^`wardstone/.test(name)).map(([name, summary]) => `${name} ${summary}`)
    const known = [
      ...all.map(({ program, name, summary }) => `\`${program} ${name}\` ${summary}`),
      ...builtIns.map(({ name, summary }) => `\`wardstone ${name}\` ${summary}`),
    ]
    expect(listed.toSorted()).toEqual(known.toSorted())
  })

  it('has every exit code, whose it is and what it means', () => {
    const listed = rows
      .filter(([code = '']) => /^\d+$/.test(code))
      .map(([code, whose, meaning]) => `${code} ${whose} ${meaning}`)
    const groups = new Map<string, { code: string; meaning: string; whose: string[] }>()
    for (const { program, name, exitCodes } of all)
      for (const [code, meaning] of Object.entries(exitCodes)) {
        const group = groups.get(`${code} ${meaning}`) ?? { code, meaning, whose: [] }
        group.whose.push(`\`${program === 'wardstone' ? '' : `${program} `}${name}\``)
        groups.set(`${code} ${meaning}`, group)
      }
    const known = [
      ...Object.entries(commonExitMeanings).map(([code, meaning]) => `${code} all ${meaning.replace('|', '\\|')}`),
      ...[...groups.values()].map(({ code, meaning, whose }) => `${code} ${whose.toSorted().join(', ')} ${meaning}`),
    ]
    expect(listed.toSorted()).toEqual(known.toSorted())
  })

  it('one code of one command means one thing', () => {
    for (const { exitCodes } of all)
      for (const code of numbers(commonExitMeanings)) expect(exitCodes).not.toHaveProperty(String(code))
  })
})

describe('--site', () => {
  it.each([
    [['audit', 'verify'], { site: '.wardstone', others: ['audit', 'verify'] }],
    [['--site', 'here', 'audit', 'verify'], { site: 'here', others: ['audit', 'verify'] }],
    [['audit', 'verify', '--site=here', '--json'], { site: 'here', others: ['audit', 'verify', '--json'] }],
    [['model', 'inspect', '--', '--site'], { site: '.wardstone', others: ['model', 'inspect', '--', '--site'] }],
    [['audit', '--site'], undefined],
    [['audit', '--site', '--json'], undefined],
    [['audit', '--site='], undefined],
  ])('is taken out of %j', (args, taken) => expect(takeSite(args)).toEqual(taken))
})
