import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { generateSigningKey, loadSigner, loadVerifier } from '../../device/crypto/signing.ts'
import { openDatabase } from '../storage/database.ts'
import {
  activationEvidence,
  decisionEvidence,
  feedbackEvidence,
  type LogSite,
  makeSite,
  openSite,
  removeSite,
  verifySite,
} from './testkit/ledger-fixture.ts'
import { Attacker, withMember } from './testkit/tamper.ts'
import { chainHash, leafHash } from './tree.ts'
import { verifyLog } from './verify.ts'

let original: LogSite
/** Checkpoint of the whole log as a witness would have kept it. */
let kept: string
const SIZE = 43

/** 43 leaves: log-opened, activation, 32 decisions in groups of 8, feedback, then eight decisions committed one by one. */
beforeAll(async () => {
  original = await makeSite()
  const { database, ledger } = await openSite(original)
  await ledger.commit(activationEvidence('test-model', 1))
  for (let group = 0; group < 4; group += 1) {
    await Promise.all(Array.from({ length: 8 }, (_, place) => ledger.commit(decisionEvidence(`d${group * 8 + place}`))))
  }
  await ledger.commit(feedbackEvidence('f0', 'd3'))
  for (let index = 32; index < 40; index += 1) await ledger.commit(decisionEvidence(`d${index}`))
  expect(ledger.position().size).toBe(SIZE)
  kept = database.prepare<{ note: string }>('SELECT note FROM checkpoints ORDER BY size DESC').get()!.note
  await ledger.close()
})

afterAll(() => removeSite(original))

/** What a tampering does, and what the verifier must say first. */
interface Case {
  readonly name: string
  readonly tamper: (attacker: Attacker, site: LogSite) => void | Promise<void>
  readonly finding: string
  readonly what?: string
  /** Where it must show; within these bounds where it cannot be exact. */
  readonly at: number | [number, number]
}

const bytesOf = (attacker: Attacker) => attacker.leaves().map((row) => row.leaf)
const forged = (attacker: Attacker, seq: number) => withMember(attacker.leaf(10).leaf, 'seq', seq)
const without = (leaves: Uint8Array[], index: number) => leaves.toSpliced(index, 1)
const swapped = (leaves: Uint8Array[], a: number, b: number) => leaves.with(a, leaves[b]!).with(b, leaves[a]!)

async function strangersKey() {
  const provider = createCryptoProvider()
  const { privatePem, publicPem } = await generateSigningKey(provider)
  return { signer: await loadSigner(provider, privatePem), verifier: await loadVerifier(provider, publicPem) }
}

const cases: Case[] = [
  {
    name: 'edits the bytes of a leaf',
    tamper: (a) =>
      a.run('UPDATE leaves SET leaf = ? WHERE idx = 12', withMember(a.leaf(12).leaf, 'outcome', 'refused')),
    finding: 'edited',
    at: 12,
  },
  {
    name: 'makes a leaf unreadable',
    tamper: (a) => a.run('UPDATE leaves SET leaf = ? WHERE idx = 12', Buffer.from('nothing')),
    finding: 'edited',
    at: 12,
  },
  {
    name: 'edits the number in a leaf',
    tamper: (a) => a.run('UPDATE leaves SET leaf = ? WHERE idx = 12', withMember(a.leaf(12).leaf, 'seq', 30)),
    finding: 'edited',
    at: 12,
  },
  {
    name: 'edits a stored hash only',
    tamper: (a) => a.run('UPDATE leaves SET hash = ? WHERE idx = 12', Buffer.alloc(32, 7)),
    finding: 'edited',
    at: 12,
  },
  {
    name: 'edits a chain value only',
    tamper: (a) => a.run('UPDATE leaves SET chain = ? WHERE idx = 12', Buffer.alloc(32, 7)),
    finding: 'edited',
    at: 12,
  },
  {
    name: 'edits a leaf with its hash',
    tamper: (a) => {
      const leaf = withMember(a.leaf(12).leaf, 'outcome', 'refused')
      a.put({ ...a.leaf(12), leaf, hash: leafHash(leaf) })
    },
    finding: 'edited',
    at: 12,
  },
  {
    name: 'edits a leaf with its hash and its own chain value',
    tamper: (a) => {
      const leaf = withMember(a.leaf(12).leaf, 'outcome', 'refused')
      const hash = leafHash(leaf)
      a.put({ idx: 12, leaf, hash, chain: chainHash(a.leaf(11).chain, hash) })
    },
    finding: 'edited',
    at: [12, 13],
  },
  {
    name: 'edits the first leaf',
    tamper: (a) =>
      a.run('UPDATE leaves SET leaf = ? WHERE idx = 0', withMember(a.leaf(0).leaf, 'at', '2020-01-01T00:00:00.000Z')),
    finding: 'edited',
    at: 0,
  },
  {
    name: 'edits the last leaf with its hash',
    tamper: (a) => {
      const leaf = withMember(a.leaf(SIZE - 1).leaf, 'outcome', 'refused')
      a.put({ ...a.leaf(SIZE - 1), leaf, hash: leafHash(leaf) })
    },
    finding: 'edited',
    at: SIZE - 1,
  },
  {
    name: 'edits a leaf and rebuilds all hashes and the chain',
    tamper: (a) =>
      a.rewrite(bytesOf(a).with(12, withMember(a.leaf(12).leaf, 'outcome', 'refused')), {
        sequence: false,
        chain: true,
      }),
    finding: 'edited',
    at: [10, 12],
  },
  {
    name: 'edits a leaf, rebuilds the log and signs it with another key',
    tamper: async (a, site) => {
      a.rewrite(bytesOf(a).with(12, withMember(a.leaf(12).leaf, 'outcome', 'refused')), {
        sequence: false,
        chain: true,
      })
      const { signer, verifier } = await strangersKey()
      await a.resign(site, signer, verifier.publicKey)
    },
    finding: 'edited',
    what: 'checkpoint',
    at: 1,
  },
  {
    name: 'the same, but signs only what follows the edit',
    tamper: async (a, site) => {
      a.rewrite(bytesOf(a).with(40, withMember(a.leaf(40).leaf, 'outcome', 'refused')), {
        sequence: false,
        chain: true,
      })
      const { signer, verifier } = await strangersKey()
      await a.resign(site, signer, verifier.publicKey, 40)
    },
    finding: 'edited',
    what: 'checkpoint',
    at: 41,
  },
  { name: 'deletes a leaf', tamper: (a) => a.run('DELETE FROM leaves WHERE idx = 12'), finding: 'deleted', at: 12 },
  {
    name: 'deletes a leaf with its body',
    tamper: (a) => {
      a.run('DELETE FROM bodies WHERE idx = 12')
      a.run('DELETE FROM leaves WHERE idx = 12')
    },
    finding: 'deleted',
    at: 12,
  },
  {
    name: 'deletes the first leaf',
    tamper: (a) => a.run('DELETE FROM leaves WHERE idx = 0'),
    finding: 'deleted',
    at: 0,
  },
  {
    name: 'deletes several leaves',
    tamper: (a) => a.run('DELETE FROM leaves WHERE idx BETWEEN 12 AND 20'),
    finding: 'deleted',
    at: 12,
  },
  {
    name: 'deletes a leaf and renumbers the rows behind it',
    tamper: (a) => {
      a.run('DELETE FROM leaves WHERE idx = 12')
      for (let idx = 13; idx < SIZE; idx += 1) a.run('UPDATE leaves SET idx = ? WHERE idx = ?', idx - 1, idx)
    },
    finding: 'deleted',
    at: 12,
  },
  {
    name: 'deletes a leaf, renumbers rows and rebuilds the chain',
    tamper: (a) => a.rewrite(without(bytesOf(a), 12), { sequence: false, chain: true }),
    finding: 'deleted',
    at: 12,
  },
  {
    name: 'deletes a leaf and rebuilds numbers, hashes and chain',
    tamper: (a) => a.rewrite(without(bytesOf(a), 12), { sequence: true, chain: true }),
    finding: 'deleted',
    at: [10, 12],
  },
  {
    name: 'cuts off the last leaves',
    tamper: (a) => a.run('DELETE FROM leaves WHERE idx >= 40'),
    finding: 'truncated',
    at: 40,
  },
  { name: 'deletes every leaf', tamper: (a) => a.run('DELETE FROM leaves'), finding: 'truncated', at: 0 },
  {
    name: 'adds a leaf at the end, chained but unsigned',
    tamper: (a) => {
      const last = a.leaf(SIZE - 1)
      const leaf = forged(a, SIZE)
      a.put({ idx: SIZE, leaf, hash: leafHash(leaf), chain: chainHash(last.chain, leafHash(leaf)) })
    },
    finding: 'inserted',
    at: SIZE,
  },
  {
    name: 'adds a leaf in the middle and renumbers the rows behind it',
    tamper: (a) => {
      const leaf = forged(a, 20)
      for (let idx = SIZE - 1; idx >= 20; idx -= 1) a.run('UPDATE leaves SET idx = ? WHERE idx = ?', idx + 1, idx)
      a.put({ idx: 20, leaf, hash: leafHash(leaf), chain: chainHash(a.leaf(19).chain, leafHash(leaf)) })
    },
    finding: 'inserted',
    at: 20,
  },
  {
    name: 'adds a copy of an earlier leaf in the middle',
    tamper: (a) => {
      const copy = a.leaf(5)
      for (let idx = SIZE - 1; idx >= 20; idx -= 1) a.run('UPDATE leaves SET idx = ? WHERE idx = ?', idx + 1, idx)
      a.put({ ...copy, idx: 20 })
    },
    finding: 'inserted',
    at: 20,
  },
  {
    name: 'adds a leaf in the middle and rebuilds the chain',
    tamper: (a) => a.rewrite(bytesOf(a).toSpliced(20, 0, forged(a, 20)), { sequence: false, chain: true }),
    finding: 'inserted',
    at: 20,
  },
  {
    name: 'adds a leaf in the middle and rebuilds numbers, hashes and chain',
    tamper: (a) => a.rewrite(bytesOf(a).toSpliced(20, 0, forged(a, 20)), { sequence: true, chain: true }),
    finding: 'inserted',
    at: [18, 20],
  },
  {
    name: 'adds a leaf before the first',
    tamper: (a) => a.put({ ...a.leaf(3), idx: -1 }),
    finding: 'inserted',
    at: -1,
  },
  {
    name: 'swaps two rows',
    tamper: (a) => {
      const [first, second] = [a.leaf(12), a.leaf(25)]
      a.put({ ...first, idx: 25 })
      a.put({ ...second, idx: 12 })
    },
    finding: 'reordered',
    at: 12,
  },
  {
    name: 'swaps the bytes of two leaves only',
    tamper: (a) => {
      const [first, second] = [a.leaf(12), a.leaf(25)]
      a.put({ ...first, leaf: second.leaf })
      a.put({ ...second, leaf: first.leaf })
    },
    finding: 'reordered',
    at: 12,
  },
  {
    name: 'swaps two neighbours with their hashes',
    tamper: (a) => {
      const [first, second] = [a.leaf(12), a.leaf(13)]
      a.put({ ...first, leaf: second.leaf, hash: second.hash })
      a.put({ ...second, leaf: first.leaf, hash: first.hash })
    },
    finding: 'reordered',
    at: 12,
  },
  {
    name: 'swaps two leaves and rebuilds the chain',
    tamper: (a) => a.rewrite(swapped(bytesOf(a), 12, 25), { sequence: false, chain: true }),
    finding: 'reordered',
    at: 12,
  },
  {
    name: 'moves a leaf to a later place',
    tamper: (a) =>
      a.rewrite(without(bytesOf(a), 12).toSpliced(25, 0, a.leaf(12).leaf), { sequence: false, chain: true }),
    finding: 'reordered',
    at: 12,
  },
  {
    name: 'moves a leaf to the end, leaving its place empty',
    tamper: (a) => a.run('UPDATE leaves SET idx = ? WHERE idx = 12', SIZE),
    finding: 'reordered',
    at: 12,
  },
  {
    name: 'overwrites a leaf with a copy of another',
    tamper: (a) => a.put({ ...a.leaf(5), idx: 20 }),
    finding: 'edited',
    at: 20,
  },
  {
    name: 'edits a sealed body',
    tamper: (a) => a.run("UPDATE bodies SET sealed = zeroblob(length(sealed)) WHERE id = 'd8'"),
    finding: 'edited',
    what: 'body',
    at: 10,
  },
  {
    name: 'deletes a body',
    tamper: (a) => a.run("DELETE FROM bodies WHERE id = 'd8'"),
    finding: 'deleted',
    what: 'body',
    at: 10,
  },
  {
    name: "deletes a subject's key",
    tamper: (a) => a.run("DELETE FROM subjects WHERE pseudonym = (SELECT subject FROM bodies WHERE id = 'd8')"),
    finding: 'deleted',
    what: 'body',
    at: 10,
  },
  {
    name: "replaces a subject's wrapped key",
    tamper: (a) =>
      a.run(
        "UPDATE subjects SET wrapped = zeroblob(48) WHERE pseudonym = (SELECT subject FROM bodies WHERE id = 'd8')",
      ),
    finding: 'edited',
    what: 'body',
    at: 10,
  },
  {
    name: 'adds a body to a leaf that has none',
    tamper: (a) =>
      a.run("INSERT INTO bodies SELECT 1, 'extra', subject, about, nonce, sealed FROM bodies WHERE id = 'd8'"),
    finding: 'inserted',
    what: 'body',
    at: 1,
  },
  {
    name: 'adds a body without a leaf',
    tamper: (a) =>
      a.run("INSERT INTO bodies SELECT 99, 'extra', subject, about, nonce, sealed FROM bodies WHERE id = 'd8'"),
    finding: 'inserted',
    what: 'body',
    at: 99,
  },
  {
    name: 'swaps two bodies',
    tamper: (a) => {
      a.run('UPDATE bodies SET idx = 1000 WHERE idx = 12')
      a.run('UPDATE bodies SET idx = 12 WHERE idx = 25')
      a.run('UPDATE bodies SET idx = 25 WHERE idx = 1000')
    },
    finding: 'reordered',
    what: 'body',
    at: 12,
  },
  {
    name: 'gives a body the id of another',
    tamper: (a) => a.run("UPDATE bodies SET id = 'other' WHERE idx = 12"),
    finding: 'edited',
    what: 'body',
    at: 12,
  },
  {
    name: 'makes feedback speak of another decision',
    tamper: (a) => a.run("UPDATE bodies SET about = 'd5' WHERE id = 'f0'"),
    finding: 'edited',
    what: 'body',
    at: 34,
  },
  {
    name: 'lowers a version floor',
    tamper: (a) => a.run('UPDATE activations SET release_counter = 0'),
    finding: 'edited',
    what: 'activation',
    at: 1,
  },
  {
    name: 'deletes a version floor',
    tamper: (a) => a.run('DELETE FROM activations'),
    finding: 'deleted',
    what: 'activation',
    at: 1,
  },
  {
    name: 'adds an activation',
    tamper: (a) => a.run("INSERT INTO activations VALUES (12, 's', 'm', '1.0.0', 'x', 9, NULL, NULL)"),
    finding: 'inserted',
    what: 'activation',
    at: 12,
  },
  {
    name: 'replaces a checkpoint by an earlier one',
    tamper: (a) => a.run('UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 2) WHERE size = 35'),
    finding: 'edited',
    what: 'checkpoint',
    at: 35,
  },
  {
    name: 'edits the signature of the last checkpoint',
    tamper: (a) =>
      a.run("UPDATE checkpoints SET note = replace(note, substr(note, -10, 4), 'AAAA') WHERE size = ?", SIZE),
    finding: 'edited',
    what: 'checkpoint',
    at: SIZE,
  },
  {
    name: 'deletes the last checkpoint',
    tamper: (a) => a.run('DELETE FROM checkpoints WHERE size = ?', SIZE),
    finding: 'inserted',
    at: SIZE - 1,
  },
  {
    name: 'edits the stored head',
    tamper: (a) => a.run('UPDATE head SET size = 41'),
    finding: 'edited',
    what: 'head',
    at: SIZE,
  },
]

async function tampered(change: (attacker: Attacker, site: LogSite) => void | Promise<void>, restore = true) {
  const directory = mkdtempSync(join(original.directory, 'case-'))
  const site: LogSite = { ...original, directory, path: join(directory, 'evidence.db') }
  copyFileSync(original.path, site.path)
  const attacker = new Attacker(site)
  await change(attacker, site)
  if (restore) attacker.leave()
  else attacker.connection.close()
  return site
}

describe('an attacker with the database key', () => {
  test.each(cases)('$name → $finding', async ({ tamper, finding, what = 'leaf', at }) => {
    const site = await tampered(tamper)
    const [first] = (await verifySite(site)).findings
    const [low, high] = typeof at === 'number' ? [at, at] : at
    expect(first).toMatchObject({ finding, what })
    expect(first?.position).toBeGreaterThanOrEqual(low)
    expect(first?.position).toBeLessThanOrEqual(high)
    expect(first?.provenBefore).toBeLessThanOrEqual(Math.max(0, first!.position))
  })

  test('dropped triggers are named, although the leaves are sound', async () => {
    const site = await tampered(() => {}, false)
    expect((await verifySite(site)).findings).toMatchObject([{ finding: 'edited', what: 'schema' }])
    await expect(openSite(site)).rejects.toMatchObject({ code: 'storage_schema_altered' })
  })

  test('a log cut back together with its checkpoints is caught by a checkpoint kept elsewhere', async () => {
    const site = await tampered((attacker) => {
      for (const table of ['bodies', 'leaves']) attacker.run(`DELETE FROM ${table} WHERE idx >= 34`)
      attacker.run('DELETE FROM checkpoints WHERE size > 34')
      attacker.rewrite(
        attacker.leaves().map((row) => row.leaf),
        { sequence: false, chain: true },
      )
    })
    expect((await verifySite(site)).findings).toEqual([])
    expect((await verifySite(site, kept)).findings).toMatchObject([
      { finding: 'truncated', what: 'leaf', position: 34, provenBefore: 34 },
    ])
  })

  test.each(['leaf', 'head', 'tail'])(
    'the runtime does not start on a log whose end was changed (%s)',
    async (change) => {
      const site = await tampered((attacker) => {
        if (change === 'leaf')
          attacker.run(
            'UPDATE leaves SET leaf = ? WHERE idx = 40',
            withMember(attacker.leaf(40).leaf, 'outcome', 'refused'),
          )
        if (change === 'head') attacker.run('UPDATE head SET size = 41')
        if (change === 'tail') attacker.run('DELETE FROM leaves WHERE idx = ?', SIZE - 1)
      })
      await expect(openSite(site)).rejects.toMatchObject({ code: 'audit_log_damaged' })
    },
  )
})

describe('verifyLog', () => {
  test('finds an untouched log sound', async () => {
    const report = await verifySite(original, kept)
    expect(report).toMatchObject({ leaves: SIZE, bodies: 41, signedSize: SIZE, findings: [] })
    expect(report.firstAt).toMatch(/^2026-01-01T/)
  })

  test('refuses another subjects key, log key, origin and database key', async () => {
    const { verifier } = await strangersKey()
    await expect(verifySite({ ...original, subjectKey: Buffer.alloc(32, 1) })).rejects.toMatchObject({
      code: 'storage_key_wrong',
    })
    await expect(verifySite({ ...original, verifier })).rejects.toMatchObject({ code: 'audit_log_foreign' })
    await expect(verifySite({ ...original, origin: 'log.test/other' })).rejects.toMatchObject({
      code: 'audit_log_foreign',
    })
    await expect(verifySite({ ...original, key: Buffer.alloc(32, 1) })).rejects.toMatchObject({
      code: 'storage_key_wrong',
    })
  })

  test('has nothing to say about a database without a log', async () => {
    const path = join(original.directory, 'empty.db')
    const database = openDatabase({ path, key: original.key })
    const { subjectKey, verifier, origin } = original
    await expect(verifyLog({ database, subjectKey, verifier, origin })).rejects.toMatchObject({
      code: 'audit_log_empty',
    })
    database.close()
    rmSync(path)
  })

  test('checks one snapshot while the runtime writes on', async () => {
    const site = await makeSite()
    const { ledger } = await openSite(site)
    for (let index = 0; index < 1200; index += 100) {
      await Promise.all(
        Array.from({ length: 100 }, (_, place) => ledger.commit(decisionEvidence(`a${index + place}`, 'one'))),
      )
    }
    const checked = verifySite(site)
    await Promise.all(Array.from({ length: 64 }, (_, place) => ledger.commit(decisionEvidence(`b${place}`, 'one'))))
    expect(await checked).toMatchObject({ leaves: 1201, findings: [] })
    expect(await verifySite(site)).toMatchObject({ leaves: 1265, findings: [] })
    await ledger.close()
    removeSite(site)
  })
})
