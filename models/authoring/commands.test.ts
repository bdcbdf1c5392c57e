import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { elementArrays, elementTypeNames, isBigElement, type Tensor } from '../contract/tensor.ts'
import { GraphBuilder } from '../onnx/graph-builder.ts'
import { readOnnx } from '../onnx/reader.ts'
import { chunkOffset, decryptFile } from '../package/container.ts'
import { inspectPackage } from '../package/inspection.ts'
import { openRegularFile } from '../package/regular-file.ts'
import { modelCheckCommand } from './check-command.ts'
import { modelImportCommand } from './import-command.ts'
import { modelPackCommand } from './pack-command.ts'
import { goldenVectors } from './testkit/any-package.ts'
import { decidedDraft } from './testkit/decided-draft.ts'
import { identityModel } from './testkit/identity-model.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardstone-authoring-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const at = (name: string) => join(folder, name)
const bytes = identityModel()
writeFileSync(at('identity.onnx'), bytes)
const decided = decidedDraft(bytes, readOnnx(bytes), 'identity.onnx')
const ones: Tensor[] = elementTypeNames.map((dtype) => {
  return { dtype, dims: [1], data: isBigElement(dtype) ? elementArrays[dtype].of(1n) : elementArrays[dtype].of(1) }
})
const golden = goldenVectors(decided, { inputs: ones, outputs: ones })

function write(name: string, value: unknown): string {
  writeFileSync(at(name), typeof value === 'string' ? value : JSON.stringify(value, undefined, 2))
  return at(name)
}

async function run(command: 'import' | 'check' | 'pack', ...args: string[]) {
  let [out, err] = ['', '']
  const io = {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    randomness: systemRandomness,
  }
  const commands = { import: modelImportCommand, check: modelCheckCommand, pack: modelPackCommand }
  const code = await commands[command](args, io)
  return { code, out, err }
}

describe('wardstone model import', () => {
  test('drafts the whole manifest, and check finds nothing wrong but what a person has to decide', async () => {
    const { code, err } = await run('import', at('identity.onnx'), '--output', at('drafted.json'))
    expect(code).toBe(0)
    expect(err).toMatch(/^\d+ places to decide/)
    const draft = JSON.parse(readFileSync(at('drafted.json'), 'utf8'))
    expect(draft).toMatchObject({ modelId: 'identity', clinicalStatus: 'research', schemaVersion: 1 })
    expect(draft.contract.inputs[5]).toMatchObject({
      kind: 'tensor',
      name: 'in-uint16',
      dtype: 'uint16',
      dims: [{ max: 1 }],
    })
    const checked = await run('check', at('drafted.json'), '--model', at('identity.onnx'), '--json')
    const codes = new Set(JSON.parse(checked.out).findings.map(({ code }: { code: string }) => code))
    expect([checked.code, [...codes]]).toEqual([11, ['onnx_shape_unbounded', 'draft_undecided']])
  })

  test('writes over nothing, and reads through a link', async () => {
    expect((await run('import', at('identity.onnx'), '--output', write('there.json', 'mine'))).code).toBe(20)
    expect(readFileSync(at('there.json'), 'utf8')).toBe('mine')
    symlinkSync(at('identity.onnx'), at('link.onnx'))
    expect((await run('import', at('link.onnx'))).code).toBe(0)
  })
})

describe('wardstone model check', () => {
  const finds = async (changes: Readonly<Record<string, unknown>>, model = at('identity.onnx')) => {
    const { out } = await run('check', write('changed.json', { ...decided, ...changes }), '--model', model, '--json')
    const findings: { code: string; about: string }[] = JSON.parse(out).findings
    return findings
      .filter(({ code }) => !['onnx_shape_unbounded', 'draft_guard_open', 'draft_population_open'].includes(code))
      .map(({ code, about }) => `${code} ${about}`)
  }
  const contract = (changes: Readonly<Record<string, unknown>>) =>
    finds({ contract: { ...decided.contract, ...changes } })

  test('has nothing but warnings against a draft that is decided', async () => {
    const { code, out } = await run('check', write('decided.json', decided), '--model', at('identity.onnx'))
    expect(code).toBe(10)
    expect(out).toContain('0 errors')
    expect(await finds({})).toEqual([])
  })

  test('names what the contract and the graph disagree about', async () => {
    const { inputs, preprocessing, outputs } = decided.contract
    const first = (changes: object) => [{ ...inputs[0], ...changes }, ...inputs.slice(1)]
    expect(await contract({ inputs: first({ dtype: 'float64' }) })).toEqual([
      'draft_tensor_type in-float32: float64 in the contract, float32 in the graph',
    ])
    expect(await contract({ inputs: first({ dims: [1, 2] }) })).toEqual([
      'draft_tensor_shape in-float32: [1, 2] in the contract, [N] in the graph',
    ])
    expect(
      await contract({ preprocessing: [{ ...preprocessing[0], tensor: 'other' }, ...preprocessing.slice(1)] }),
    ).toEqual(['draft_tensor_unfed in-float32', 'draft_tensor_unknown other'])
    expect(await contract({ outputs: [{ ...outputs[0], tensor: 'none' }] })).toEqual(['draft_tensor_unknown none'])
    expect(await finds({ memoryBytes: 1 })).toEqual([
      expect.stringMatching(/^draft_memory_short memoryBytes: the estimate is \d+$/),
    ])
  })

  test('an output that the contract does not read may be of any type', async () => {
    const graph = new GraphBuilder()
    const x = graph.input('x', [1])
    graph.output(graph.node('y', 'Abs', [x]), [1])
    graph.output(graph.node('names', 'SequenceConstruct', [x]), [1])
    const plain = graph.build({ name: 'two', producerVersion: '1', docString: '' })
    // The type of the second output: field 1 (a tensor) becomes field 4 (a sequence).
    const text = Buffer.from(plain).toString('latin1')
    const place = text.lastIndexOf('names\u0012') + 'names'.length + 2
    plain[place] = 4 * 8 + 2
    writeFileSync(at('two.onnx'), plain)
    const draft = decidedDraft(bytes, readOnnx(bytes), 'two.onnx')
    const [input, pass, output] = [draft.contract.inputs[0], draft.contract.preprocessing[0], draft.contract.outputs[0]]
    const contract = {
      ...draft.contract,
      inputs: [{ ...input, name: 'x', dims: [1] }],
      preprocessing: [{ ...pass, input: 'x', tensor: 'x' }],
      outputs: [{ ...output, tensor: 'y', dims: [1] }],
    }
    const read = (outputs: object[]) => finds({ contract: { ...contract, outputs } }, at('two.onnx'))
    expect(await read(contract.outputs)).toEqual([])
    expect(await read([...contract.outputs, { ...output, name: 'names', tensor: 'names', dims: [1] }])).toContainEqual(
      'onnx_type_unsupported output names: sequence',
    )
  })

  test('names what the schema and the contract itself refuse', async () => {
    expect(await finds({ version: 'one', surplus: 1 })).toEqual([
      'draft_field_invalid version: invalid format',
      'draft_field_invalid manifest: unrecognized keys',
    ])
    expect(await contract({ validityMinutes: undefined })).toEqual([
      'draft_field_invalid contract.validityMinutes: invalid type',
    ])
    expect(await contract({ threshold: { output: 'out-float32', alertAt: 1, clearBelow: 1 } })).toEqual([
      'contract_inconsistent contract.threshold.output',
    ])
    expect(await finds({ licence: 'MIT, but DECIDE: which edition' })).toEqual([
      'draft_undecided licence: which edition',
    ])
  })

  test('says of what is no model, no JSON and not there that it cannot be read', async () => {
    for (const path of [write('broken.json', '{ "a": '), write('text.onnx', 'no model'), at('absent'), folder]) {
      const { code, out } = await run('check', path, '--json')
      expect([code, Object.keys(JSON.parse(out))]).toEqual([20, ['error']])
    }
  })

  test('explains itself, and refuses what it does not understand', async () => {
    for (const command of ['import', 'check', 'pack'] as const) {
      const help = await run(command, '--help')
      expect([help.code, help.out.includes('Examples:')]).toEqual([0, true])
      expect((await run(command)).code).toBe(2)
      expect((await run(command, 'a', 'b')).code).toBe(2)
      expect((await run(command, '--nonsense')).code).toBe(2)
    }
  })

  test('a name in a file steers no terminal', async () => {
    const { out } = await run(
      'check',
      write('evil.json', { ...decided, '\u001b[2J': 1, licence: 'DECIDE: \u001b[31m\u202e' }),
    )
    expect(['\u001b', '\u202e'].filter((sign) => out.includes(sign))).toEqual([])
  })
})

describe('wardstone model pack', () => {
  const pack = (manifest: unknown, output: string, vectors: unknown = golden) =>
    run(
      'pack',
      ...[
        write('packed.json', manifest),
        '--model',
        at('identity.onnx'),
        '--golden-vectors',
        write('golden.json', vectors),
      ],
      ...['--licence', write('LICENCE', 'Decided'), '--output', at(output), '--json'],
    )

  test('writes a package that is whole, and the key that opens it for its owner alone', async () => {
    const { code, out } = await pack(decided, 'release')
    expect(code).toBe(0)
    const identity = JSON.parse(out)
    const { manifest, refusal, package: facts } = await inspectPackage(at('release/package.wspkg'), {}, 0)
    expect([refusal, facts.sha256, facts.manifestSha256]).toEqual([null, identity.packageHash, identity.manifestHash])
    expect(manifest.files.map(({ role }) => role)).toEqual(['model', 'golden-vectors', 'card', 'licence'])
    expect(statSync(at('release/content.key')).mode & 0o777).toBe(0o600)
    const package_ = openRegularFile(at('release/package.wspkg'))
    const [file] = manifest.files
    const opened = decryptFile({
      ...{ fd: package_.fd, file: file!, index: 0, salt: Buffer.from(manifest.encryption.salt, 'hex') },
      payloadOffset: facts.bytes - facts.payloadBytes,
      contentKey: Buffer.from(readFileSync(at('release/content.key'), 'utf8'), 'base64'),
    })
    package_.close()
    expect(Buffer.compare(opened, Buffer.from(bytes))).toBe(0)
    expect(chunkOffset(file!, 0)).toBe(0)
  })

  test('writes nothing while there is an error, or into a folder that is there', async () => {
    expect((await pack({ ...decided, licence: 'DECIDE: this' }, 'refused')).code).toBe(11)
    expect(() => statSync(at('refused'))).toThrow('ENOENT')
    const strange = {
      version: 1,
      vectors: [{ name: 'n', inputs: {}, expect: { outputs: { none: [1] }, alert: false } }],
    }
    expect((await pack(decided, 'refused', strange)).code).toBe(11)
    expect(() => statSync(at('refused'))).toThrow('ENOENT')
    expect((await pack(decided, 'release')).code).toBe(20)
  })
})
