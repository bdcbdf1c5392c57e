import { beforeEach, describe, expect, it } from 'vitest'
import { editDistance, nearestNames } from './nearest-names.ts'
import { runProgram } from './program.ts'
import { sampleProgram } from './testkit/sample-program.ts'

let asked: unknown[]
let said: { out: string; err: string }
beforeEach(() => {
  asked = []
})

function run(...args: string[]): Promise<number> {
  said = { out: '', err: '' }
  const io = {
    stdout: { write: (text: string) => (said.out += text) },
    stderr: { write: (text: string) => (said.err += text) },
  }
  return runProgram(sampleProgram(asked), args, 'site', io)
}

describe('a program', () => {
  it('gives a command its arguments without its name', async () => {
    expect(await run('model', 'install', 'folder', '--json')).toBe(7)
    expect(asked).toEqual([{ name: 'model install', args: ['folder', '--json'], context: 'site' }])
  })

  it.each([['help'], ['--help'], ['-h'], ['help', 'help'], ['help', '--json']])(
    'lists its commands for %j',
    async (...args) => {
      expect(await run(...args)).toBe(0)
      for (const name of ['watch', 'model install', 'model list', 'completion', 'help', 'version'])
        expect(said.out).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'))
      expect(said).toMatchObject({ out: expect.stringContaining('Examples:'), err: '' })
    },
  )

  it('without a command lists them too, as wrong usage', async () => {
    expect([await run(), said.out, said.err]).toEqual([2, '', expect.stringContaining('Usage: sample-tool')])
  })

  it.each([['version'], ['--version']])('says its release for %s', async (arg) => {
    expect([await run(arg), said.out]).toEqual([0, '1.2.3\n'])
  })

  it('says its release as one object for a program, and takes nothing else', async () => {
    expect([await run('version', '--json'), JSON.parse(said.out)]).toEqual([
      0,
      { name: 'sample-tool', release: '1.2.3' },
    ])
    expect([await run('version', '--help'), said.out]).toEqual([0, expect.stringContaining('Usage: sample-tool')])
    for (const args of [['of'], ['--json', 'of'], ['--loud']])
      expect([await run('version', ...args), said.out]).toEqual([2, ''])
  })

  it('explains a command by its own --help', async () => {
    expect(await run('help', 'model', 'list')).toBe(7)
    expect(asked).toEqual([{ name: 'model list', args: ['--help'], context: 'site' }])
  })

  it('explains a group when it is asked to, and names it wrong usage otherwise', async () => {
    expect([await run('help', 'model'), said.err]).toEqual([0, ''])
    expect(said.out).toContain('model install')
    expect(said.out).not.toContain('watch')
    expect([await run('model', '--help'), said.err]).toEqual([0, ''])
    expect([await run('model'), said.out]).toEqual([2, ''])
    expect([await run('model', '--json'), said.out]).toEqual([2, ''])
  })

  it.each([
    [['wacth'], 'watch'],
    [['model', 'lst'], 'model list'],
    [['modl'], 'model'],
    [['instal', 'folder'], 'model install'],
    [['help', 'model', 'instal'], 'model install'],
    [['model', 'isntall', 'folder'], 'model install'],
  ])('for %j means %s', async (args, meant) => {
    expect([await run(...args), said.out]).toEqual([2, ''])
    expect(said.err).toContain(`Did you mean\n  sample-tool ${meant}\n`)
    expect(asked).toEqual([])
  })

  it.each([
    ['zzzzzz'],
    ['constructor'],
    ['__proto__'],
    ['model lists everything there is'],
    [''],
    ['x'.repeat(100_000)],
  ])('guesses nothing for %j', async (arg) => {
    expect([await run(arg), said.out, asked]).toEqual([2, '', []])
    expect(said.err).not.toContain('Did you mean')
    expect(said.err.length).toBeLessThan(300)
  })

  it('lets nothing that was typed act on the terminal', async () => {
    await run('\u001b[2J\u202e')
    expect(said.err).toContain('"\ufffd[2J\ufffd"')
  })

  it('wants one shell that it knows', async () => {
    for (const args of [[], ['tcsh'], ['bash', 'zsh'], ['toString']])
      expect([await run('completion', ...args), said.out]).toEqual([2, ''])
    expect([await run('completion', '--help'), said.err]).toEqual([0, ''])
    expect([await run('help', 'completion'), said.out]).toEqual([0, expect.stringContaining('Examples:')])
  })
})

describe('the distance between words', () => {
  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['abc', 'abc', 0],
    ['abc', 'acb', 1],
    ['abc', 'abd', 1],
    ['abc', 'abcd', 1],
    ['kitten', 'sitting', 3],
  ])('%j to %j is %i', (a, b, distance) => {
    expect([editDistance(a, b), editDistance(b, a)]).toEqual([distance, distance])
  })

  it('leaves out what is far, and shows three at most', () => {
    expect(nearestNames('ab', ['ab', 'ac', 'ad', 'ae', 'xyz'])).toEqual(['ab', 'ac', 'ad'])
    expect(nearestNames('', ['ab'])).toEqual([])
  })
})
