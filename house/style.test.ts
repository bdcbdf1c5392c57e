import { describe, expect, it } from 'vitest'
import { outsideRooms, parseSource, readSources, rooms } from './source-tree.ts'
import { MAX_FILE_LINES, MAX_FUNCTION_LINES, styleRules } from './style-rules.ts'

const sources = readSources([...rooms, ...outsideRooms])

describe('the house style', () => {
  it.each(styleRules.map((rule) => [rule.name, rule] as const))('%s', (_name, rule) => {
    expect(sources.flatMap((file) => rule.faults(file))).toEqual([])
  })
})

describe('the house style catches', () => {
  const [noAny, codes, silenced, leftOut, environment, named, fileLength, functionLength, erasable] = styleRules.map(
    (rule) => rule.name,
  )
  const violations: [rule: string | undefined, path: string, text: string][] = [
    [noAny, 'device/x.ts', 'let a: any'],
    [noAny, 'device/x.test.ts', 'const a = b as unknown as Record<string, any>'],
    [codes, 'runtime/http/x.ts', "throw new Error('no')"],
    [codes, 'runtime/http/x.ts', "return Promise.reject(new TypeError('no'))"],
    [codes, 'runtime/http/x.ts', "throw Error('no')"],
    [silenced, 'models/x.ts', `// ${'@ts'}-ignore\nlet a`],
    [silenced, 'models/x.test.ts', `// ${'@ts'}-expect-error: reason\nlet a`],
    [silenced, 'models/x.ts', `/* ${'biome'}-ignore lint: reason */ let a`],
    [leftOut, 'models/x.test.ts', "it.skip('a', () => {})"],
    [leftOut, 'models/x.test.ts', "describe.only('a', () => {})"],
    [leftOut, 'models/x.test.ts', "test.todo('a')"],
    [leftOut, 'models/x.test.ts', "it.skip.each([1])('a', () => {})"],
    [leftOut, 'models/x.test.ts', "it('a', (context) => context.skip())"],
    [leftOut, 'models/x.test.ts', "describe.skipIf(process.env.CI)('a', () => {})"],
    [leftOut, 'models/x.test.ts', "describe.runIf(isRoot)('a', () => {})"],
    [leftOut, 'models/x.test.ts', "describe.skipIf(sharedData)('a', () => {})"],
    [environment, 'runtime/http/x.ts', 'const a = process.env.HOME'],
    [environment, 'demo/x.ts', "const a = process['argv']"],
    [environment, 'runtime/http/x.ts', "import { env } from 'node:process'"],
    [named, 'device/x.ts', 'export default 1'],
    [named, 'device/x.ts', 'const a = 1\nexport { a as default }'],
    [fileLength, 'device/x.ts', 'let a\n'.repeat(MAX_FILE_LINES + 1)],
    [functionLength, 'device/x.ts', `function a() {${'\n'.repeat(MAX_FUNCTION_LINES)}}`],
    [erasable, 'device/x.ts', 'enum A { b }'],
    [erasable, 'device/x.ts', 'namespace A { export const b = 1 }'],
    [erasable, 'device/x.ts', 'class A { constructor(private readonly b: string) {} }'],
  ]
  it.each(violations)('what breaks "%s" in %s', (name, path, text) => {
    expect(styleRules.find((rule) => rule.name === name)?.faults(parseSource(path, text))).toHaveLength(1)
  })

  const allowed: [rule: string | undefined, path: string, text: string][] = [
    [leftOut, 'models/x.test.ts', "describe.skipIf(!sharedData)('a', () => {})"],
    [leftOut, 'models/x.test.ts', "it.skipIf(sharedData === undefined)('a', () => {})"],
    [leftOut, 'models/x.test.ts', "it.runIf(sharedData !== undefined)('a', () => {})"],
    [environment, 'runtime/bin/x.ts', 'const a = process.argv'],
    [erasable, 'runtime/http/x.ts', "declare module 'fastify' { interface A { b: string } }"],
    [codes, 'runtime/http/x.test.ts', "throw new Error('a peer that fails')"],
  ]
  it.each(allowed)('nothing that keeps "%s" in %s', (name, path, text) => {
    expect(styleRules.find((rule) => rule.name === name)?.faults(parseSource(path, text))).toEqual([])
  })
})
