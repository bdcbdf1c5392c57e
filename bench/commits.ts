import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { createCryptoProvider } from '../device/crypto/provider.ts'
import { systemRandomness } from '../device/crypto/randomness.ts'
import { generateSigningKey, loadSigner, loadVerifier } from '../device/crypto/signing.ts'
import { canonicalBytes } from '../device/platform/canonical-json.ts'
import { systemClock } from '../device/platform/clock.ts'
import { silentLog } from '../device/platform/log.ts'
import { openLedger } from '../runtime/audit/ledger.ts'
import type { Evidence } from '../runtime/audit/types.ts'
import { type OutboundRow, signedModel } from '../runtime/egress/outbound.ts'
import { keyConnection } from '../runtime/storage/cipher.ts'
import { type Database, openDatabase } from '../runtime/storage/database.ts'
import { percentile } from './statistics.ts'

export interface CommitResult {
  readonly group: number
  readonly commitsPerSecond: number
  readonly rawPerSecond: number
  /** 1 would be the speed of encrypted inserts of the same bytes and nothing else. */
  readonly ofRaw: number
  readonly singleCommitP50Ms: number
  readonly rawSingleP50Ms: number
  /** Pages of 4 KiB that one commit alone puts into the write-ahead log, and so onto the disk: median. */
  readonly pagesOfSingle: number
}

const GROUP = 32
const GROUPS = 60
const BODY_BYTES = 3000

/** Evidence through the ledger beside raw encrypted inserts of as many bytes, both in groups of 32, alternating. */
export async function measureCommits(): Promise<CommitResult> {
  const folder = mkdtempSync(join(tmpdir(), 'wardstone-bench-'))
  try {
    const database = openDatabase({ path: join(folder, 'ledger.db'), key: systemRandomness.bytes(32) })
    const ledger = await benchLedger(database)
    const raw = rawInserts(join(folder, 'raw.db'))
    const ours: number[] = []
    const theirs: number[] = []
    for (let round = 0; round < GROUPS; round++) {
      ours.push(await tookMs(() => Promise.all(Array.from({ length: GROUP }, () => ledger.commit(evidence())))))
      theirs.push(await tookMs(async () => raw.insert(GROUP)))
    }
    const single: number[] = []
    const rawSingle: number[] = []
    const pages: number[] = []
    for (let round = 0; round < 200; round++) {
      const before = database.walFrames()
      single.push(await tookMs(() => ledger.commit(evidence())))
      // The write-ahead log begins anew once all of it has been moved.
      const after = database.walFrames()
      pages.push(after < before ? after : after - before)
      rawSingle.push(await tookMs(async () => raw.insert(1)))
    }
    await ledger.close()
    raw.close()
    const perSecond = (times: readonly number[]) => (GROUP * 1000) / percentile(times, 0.5)
    return {
      group: GROUP,
      commitsPerSecond: perSecond(ours),
      rawPerSecond: perSecond(theirs),
      ofRaw: perSecond(ours) / perSecond(theirs),
      singleCommitP50Ms: percentile(single, 0.5),
      rawSingleP50Ms: percentile(rawSingle, 0.5),
      pagesOfSingle: percentile(pages, 0.5),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function tookMs(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

async function benchLedger(database: Database) {
  const provider = createCryptoProvider()
  const { privatePem, publicPem } = await generateSigningKey(provider)
  return openLedger({
    database,
    subjectKey: systemRandomness.bytes(32),
    signer: await loadSigner(provider, privatePem),
    verifier: await loadVerifier(provider, publicPem),
    origin: 'wardstone.local/bench',
    clock: systemClock,
    randomness: systemRandomness,
    log: silentLog,
  })
}

let counter = 0
const FILLING = 'x'.repeat(BODY_BYTES)
const outbound: OutboundRow = {
  v: 1,
  kind: 'decision',
  ...signedModel('bench', 1),
  result: 'none',
  latency: 'under-10ms',
  alert: false,
}

function evidence(): Evidence {
  const id = `00000000-0000-4000-8000-${String(counter++).padStart(12, '0')}`
  return {
    leaf: {
      kind: 'decision',
      id,
      model: 'bench',
      version: '1.0.0',
      package: 'f'.repeat(64),
      outcome: 'scored',
      client: 'bench',
      role: 'bedside',
    },
    body: { id, subject: `subject-${counter % 50}`, content: { kind: 'decision', filling: FILLING } },
    outbound,
  }
}

/** The same bytes as one event writes, into one table of an equally encrypted and equally durable database. */
function rawInserts(path: string): { insert(count: number): void; close(): void } {
  const connection = new Sqlite(path)
  keyConnection(connection, systemRandomness.bytes(32))
  for (const pragma of ['journal_mode=WAL', 'synchronous=FULL', 'temp_store=MEMORY', 'wal_autocheckpoint=0'])
    connection.pragma(pragma)
  connection.exec('CREATE TABLE raw (id INTEGER PRIMARY KEY, leaf BLOB, body BLOB, record TEXT)')
  const insert = connection.prepare('INSERT INTO raw (leaf, body, record) VALUES (?, ?, ?)')
  const leaf = Buffer.alloc(canonicalBytes(evidence().leaf).length + 200, 1)
  const body = Buffer.alloc(BODY_BYTES + 150, 2)
  const record = JSON.stringify(outbound)
  const insertMany = connection.transaction((count: number) => {
    for (let index = 0; index < count; index++) insert.run(leaf, body, record)
  })
  return { insert: (count) => insertMany.immediate(count), close: () => connection.close() }
}
