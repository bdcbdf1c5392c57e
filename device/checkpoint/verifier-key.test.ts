import { describe, expect, test } from 'vitest'
import { createCryptoProvider } from '../crypto/provider.ts'
import { openNote, verifierKeyText } from './signed-note.ts'
import { loadVerifierKey } from './verifier-key.ts'

/** The example of the C2SP signed-note specification. */
const key = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
const note =
  'This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n'
const provider = createCryptoProvider()

describe('verifier keys', () => {
  test('the example of the specification loads, opens its note, and is written back as it was', async () => {
    const { name, verifier } = await loadVerifierKey(provider, key)
    expect(await openNote(note, verifier, name)).toBe('This is an example message.\n')
    expect(verifierKeyText({ name, publicKey: verifier.publicKey })).toBe(key)
  })

  test.each([
    ['another name', key.replace('foo', 'fox')],
    ['another id', key.replace('530d903a', '530d903b')],
    ['another key', key.replace('AekyeR', 'AekyeS')],
    ['another algorithm', key.replace('+Ae', '+Be')],
    ['a short key', 'example.com/foo+530d903a+AekyeRrm'],
    ['loose base64', `${key.slice(0, -1)}l`],
    ['a space', key.replace('foo', 'f o')],
    ['two lines', `${key}\n`],
    ['nothing', ''],
  ])('with %s is refused', async (_, text) => {
    await expect(loadVerifierKey(provider, text)).rejects.toMatchObject({ code: 'audit_note_invalid' })
  })
})
