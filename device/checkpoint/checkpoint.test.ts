import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { createCryptoProvider } from '../crypto/provider.ts'
import { generateSigningKey, loadSigner, loadVerifier, type Signer, type Verifier } from '../crypto/signing.ts'
import { checkpointText, openCheckpoint, parseCheckpoint, signCheckpoint } from './checkpoint.ts'
import { noteKeyId, openNote, signNote, verifierKeyText } from './signed-note.ts'

const origin = 'log.test/box-1'
const root = Buffer.alloc(32, 0xcd)
const noteInvalid = expect.objectContaining({ code: 'audit_note_invalid' })
const checkpointInvalid = expect.objectContaining({ code: 'audit_checkpoint_invalid' })

let signer: Signer
let verifier: Verifier
let other: { signer: Signer; verifier: Verifier }

async function keyPair() {
  const provider = createCryptoProvider()
  const { privatePem, publicPem } = await generateSigningKey(provider)
  return { signer: await loadSigner(provider, privatePem), verifier: await loadVerifier(provider, publicPem) }
}

beforeAll(async () => {
  const own = await keyPair()
  signer = own.signer
  verifier = own.verifier
  other = await keyPair()
})

/** The example of the C2SP signed-note specification: key, then note. */
const specificationKey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
const specificationNote =
  'This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n'

async function specificationVerifier(): Promise<Verifier> {
  const publicKey = Buffer.from(specificationKey.split('+').slice(2).join('+'), 'base64').subarray(1)
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]).toString('base64')
  return loadVerifier(createCryptoProvider(), `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`)
}

describe('signed notes', () => {
  test('the example of the specification opens, under the key id it gives', async () => {
    const published = await specificationVerifier()
    const key = { name: 'example.com/foo', publicKey: published.publicKey }
    expect(noteKeyId(key).toString('hex')).toBe('530d903a')
    expect(verifierKeyText(key)).toBe(specificationKey)
    expect(await openNote(specificationNote, published, 'example.com/foo')).toBe('This is an example message.\n')
    await expect(
      openNote(specificationNote.replace('example message', 'exemple message'), published, 'example.com/foo'),
    ).rejects.toThrow(noteInvalid)
  })

  test('a signature of somebody else is passed over, in any order', async () => {
    const key = { name: origin, publicKey: verifier.publicKey }
    const note = await signNote('text\n', signer, key)
    const witness = await signNote('text\n', other.signer, {
      name: 'witness.test',
      publicKey: other.verifier.publicKey,
    })
    const line = witness.slice(witness.indexOf('\u2014'))
    expect(await openNote(note + line, verifier, origin)).toBe('text\n')
    expect(await openNote(`text\n\n${line}${note.slice(note.indexOf('\u2014'))}`, verifier, origin)).toBe('text\n')
    await expect(openNote(witness, verifier, origin)).rejects.toThrow(noteInvalid)
  })

  test('a bad signature under our own name and id refuses the note, even beside a good one', async () => {
    const key = { name: origin, publicKey: verifier.publicKey }
    const note = await signNote('text\n', signer, key)
    const wrong = await signNote('other\n', signer, key)
    await expect(openNote(note + wrong.slice(wrong.indexOf('\u2014')), verifier, origin)).rejects.toThrow(noteInvalid)
  })

  test('our key id on another key does not open', async () => {
    const forgery = await signNote('text\n', other.signer, { name: origin, publicKey: verifier.publicKey })
    await expect(openNote(forgery, verifier, origin)).rejects.toThrow(noteInvalid)
  })

  test.each([
    ['no signature', () => 'text\n\n'],
    ['no empty line', (note: string) => note.replace('\n\n', '\n')],
    ['no newline at the end', (note: string) => note.slice(0, -1)],
    ['a control character', (note: string) => note.replace('text', 'te\u0007xt')],
    ['a carriage return', (note: string) => note.replace('text\n', 'text\r\n')],
    ['a hyphen for the dash', (note: string) => note.replace('\u2014', '-')],
    ['two spaces', (note: string) => note.replace('\u2014 ', '\u2014  ')],
    ['base64 with a space at its end', (note: string) => `${note.slice(0, -1)} \n`],
    ['base64 in another form', (note: string) => note.replace(/=?\n$/, '\n\n')],
    ['too many signatures', (note: string) => note + note.slice(note.indexOf('\u2014')).repeat(16)],
    ['too much', (note: string) => 'x'.repeat(70_000) + note],
    ['nothing', () => ''],
  ])('refuses %s', async (_, change) => {
    const note = await signNote('text\n', signer, { name: origin, publicKey: verifier.publicKey })
    await expect(openNote(change(note), verifier, origin)).rejects.toThrow(noteInvalid)
  })

  test.each(['', 'a b', 'a+b', 'a\u00a0b', 'a\nb'])('refuses the key name %j', async (name) => {
    await expect(signNote('text\n', signer, { name, publicKey: verifier.publicKey })).rejects.toThrow(noteInvalid)
  })

  test('refuses any text that was not signed, and throws nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => {
        await expect(openNote(text, verifier, origin)).rejects.toThrow(noteInvalid)
      }),
    )
  })
})

describe('checkpoints', () => {
  test('have exactly the three lines of tlog-checkpoint and one signature line', async () => {
    const note = await signCheckpoint({ origin, size: 42, root }, signer, verifier.publicKey)
    expect(note.split('\n')).toEqual([
      origin,
      '42',
      root.toString('base64'),
      '',
      expect.stringMatching(/^\u2014 log\.test\/box-1 [A-Za-z0-9+/]+=*$/),
      '',
    ])
    expect(await openCheckpoint(note, verifier, origin)).toEqual({ origin, size: 42, root })
  })

  test('of another origin, key or size do not open', async () => {
    const note = await signCheckpoint({ origin, size: 42, root }, signer, verifier.publicKey)
    await expect(openCheckpoint(note, verifier, 'log.test/box-2')).rejects.toThrow(noteInvalid)
    await expect(openCheckpoint(note, other.verifier, origin)).rejects.toThrow(noteInvalid)
    await expect(openCheckpoint(note.replace('\n42\n', '\n43\n'), verifier, origin)).rejects.toThrow(noteInvalid)
    // Signed by our key, but for a log of another name.
    const foreign = await signNote(checkpointText({ origin: 'log.test/box-2', size: 1, root }), signer, {
      name: origin,
      publicKey: verifier.publicKey,
    })
    await expect(openCheckpoint(foreign, verifier, origin)).rejects.toThrow(checkpointInvalid)
  })

  const good = root.toString('base64')
  test.each([
    ['a leading zero', `o\n01\n${good}\n`],
    ['a negative size', `o\n-1\n${good}\n`],
    ['a size beyond 2^53', `o\n9999999999999999\n${good}\n`],
    ['no size', `o\n\n${good}\n`],
    ['a short root', 'o\n1\nAAAA\n'],
    ['loose base64', `o\n1\n${good.slice(0, -1)}\n`],
    ['no origin', `\n1\n${good}\n`],
    ['an empty extension line', `o\n1\n${good}\n\n`],
    ['no last newline', `o\n1\n${good}`],
    ['two lines', 'o\n1\n'],
    ['nothing', ''],
  ])('with %s are refused', (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow(checkpointInvalid)
  })

  test('extension lines are passed over', () => {
    expect(parseCheckpoint(`o\n0\n${good}\nextension\n`)).toEqual({ origin: 'o', size: 0, root })
  })
})
