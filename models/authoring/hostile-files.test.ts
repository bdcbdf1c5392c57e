import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readOnnx } from '../onnx/reader.ts'
import { bytesField, modelWith, numberField, textField } from '../onnx/testkit/wire-bytes.ts'
import { modelCheckCommand } from './check-command.ts'
import { draftManifest } from './draft.ts'
import { checkDraft } from './draft-check.ts'
import { modelImportCommand } from './import-command.ts'
import { MARK } from './mark.ts'
import { shownJson } from './shown-json.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardstone-hostile-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)
const write = (name: string, content: string | Uint8Array) => {
  writeFileSync(at(name), content)
  return at(name)
}

/** A model that says what it is told, with inputs of these names. */
function modelOf(...inputs: readonly string[]): Uint8Array {
  const type = bytesField(2, bytesField(1, [...numberField(1, 1), ...bytesField(2, bytesField(1, numberField(1, 1)))]))
  const port = (field: number, name: string) => bytesField(field, [...textField(1, name), ...type])
  const graph = [...bytesField(1, textField(4, 'Identity')), ...inputs.flatMap((name) => port(11, name))]
  const opset = bytesField(8, numberField(2, 21))
  return modelWith([...numberField(1, 8), ...bytesField(7, [...graph, ...port(12, 'y')]), ...opset])
}

async function run(command: typeof modelCheckCommand, ...args: readonly string[]) {
  let [out, err] = ['', '']
  const io = { stdout: { write: (text: string) => (out += text) }, stderr: { write: (text: string) => (err += text) } }
  return { code: await command(args, io), out, err }
}

/** An eight-bit escape sequence, a change of direction, a bell, a line separator, a tag beyond the basic plane. */
const STEERING = 'x\u009b2J\u202e\u0007\u2028\u{e0041}'
const steers = (text: string) =>
  ['\u009b', '\u202e', '\u0007', '\u2028', '\u{e0041}'].some((sign) => text.includes(sign))

describe('what an ONNX file is called reaches no terminal as a command', () => {
  const path = write('steering.onnx', modelOf(STEERING))

  test('in the draft on standard output, which says the name all the same', async () => {
    const { out, err, code } = await run(modelImportCommand, path)
    expect([code, steers(out), steers(err)]).toEqual([0, false, false])
    expect(JSON.parse(out).contract.preprocessing[0].tensor).toBe(STEERING)
  })

  test('in the report, in words and as JSON', async () => {
    const [words, json] = [await run(modelCheckCommand, path), await run(modelCheckCommand, path, '--json')]
    expect([steers(words.out), steers(json.out)]).toEqual([false, false])
    expect(JSON.parse(json.out).graph.inputs[0].name).toBe(STEERING)
  })

  test('JSON that is shown says what JSON says', () => {
    const value = { [STEERING]: [STEERING, 'plain', 1] }
    expect([JSON.parse(shownJson(value)), JSON.parse(shownJson(value, 2))]).toEqual([value, value])
    expect(shownJson({ a: [1] }, 2)).toBe(JSON.stringify({ a: [1] }, undefined, 2))
  })
})

describe('a draft that is made to hang or to blow the check', () => {
  test.each([
    ['lists in lists', `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
    ['objects in objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
  ])('%s without end are no manifest', async (name, text) => {
    const { code, err } = await run(modelCheckCommand, write(`${name}.json`, text))
    expect([code, err]).toEqual([20, expect.stringContaining('too many levels')])
  })

  test('more than any manifest may be is not read', async () => {
    const { code, err } = await run(modelCheckCommand, write('long.json', `{${' '.repeat(5_000_000)}}`))
    expect([code, err]).toEqual([20, expect.stringContaining('over 4194304 bytes')])
  })

  test('faults and open places by the ten thousand are told apart in time', () => {
    const open = Array.from({ length: 40_000 }, () => `${MARK}a`)
    const wrong = Array.from({ length: 40_000 }, () => 1)
    const startedMs = performance.now()
    const { findings } = checkDraft({ wards: [...wrong, ...open] })
    expect(performance.now() - startedMs).toBeLessThan(5_000)
    expect(findings.filter(({ code }) => code === 'draft_undecided')).toHaveLength(open.length)
    expect(findings.filter(({ about }) => about.startsWith('wards.'))).toHaveLength(open.length + wrong.length)
  })

  test('a fault in the tenth is seen while the first is open', () => {
    const wards = [...Array.from({ length: 10 }, () => 'ward'), 1]
    wards[1] = `${MARK}which ward`
    expect(checkDraft({ wards }).findings.map(({ about }) => about)).toContain('wards.10: invalid type')
  })
})

describe('names of a graph', () => {
  test('that look alike in a contract stay apart, whatever the number behind them', () => {
    const bytes = modelOf('a-3', 'A', 'a', 'a-2')
    const { contract } = JSON.parse(JSON.stringify(draftManifest(bytes, readOnnx(bytes), 'x')))
    expect(contract.inputs.map(({ name }: { name: string }) => name)).toEqual(['a-3', 'a', 'a-2', 'a-2-2'])
  })
})

describe('a path that is no file', () => {
  test('is said to be none, for what it is, and never waited for', async () => {
    execFileSync('mkfifo', [at('pipe')])
    const found = async (path: string) => (await run(modelImportCommand, path)).err
    expect(await found(at('pipe'))).toContain('pipe: not a regular file')
    expect(await found('/dev/zero')).toContain('not a regular file')
    expect(await found(folder)).toContain('not a regular file')
    expect(await found(at('absent'))).toContain('absent: there is none')
  })

  test('is not written to, and why is said', async () => {
    const path = write('sound.onnx', modelOf('x'))
    const refused = async (output: string) => (await run(modelImportCommand, path, '--output', output)).err
    expect(await refused(at('none/draft.json'))).toContain('none/draft.json: there is none')
    expect(await refused(path)).toContain('sound.onnx: it exists')
  })
})
