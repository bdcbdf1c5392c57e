import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorCode } from '../../../device/platform/errors.ts'
import { openDatabase } from '../../storage/database.ts'
import { decisionEvidence, openSite, verifySite } from './ledger-fixture.ts'
import { readSiteFile } from './site-file.ts'

/**
 * A process on a very small disk, or under a limit on file sizes (second argument `limited`): commits until the disk is full, tries on, gets room, and goes on. Says in one line of
 * JSON what happened. Everything is checked in here, because the disk is gone when the process ends.
 */
const site = await readSiteFile(process.argv[2] ?? '')
const isLimited = process.argv[3] === 'limited'
const ballast = join(dirname(site.path), 'ballast')
if (!isLimited) writeFileSync(ballast, Buffer.alloc(32_000_000, 1))
let { ledger } = await openSite(site)
const acknowledged: string[] = []
const codes: string[] = []

async function commit(id: string, size: number): Promise<void> {
  try {
    await ledger.commit(decisionEvidence(id, 'patient', { filler: 'x'.repeat(size) }))
    acknowledged.push(id)
  } catch (error) {
    codes.push(errorCode(error))
  }
}

for (let group = 0; codes.length === 0 && group < 2000; group += 1) {
  await Promise.all([0, 1, 2, 3].map((lane) => commit(`before-${group}-${lane}`, 20_000)))
}
for (let count = 0; count < 3; count += 1) await commit(`full-${count}`, 1_000_000)
const whileFull = [...codes]
const openedWhileFull = openCode()
const verifiedWhileFull = (await verifySite(site)).findings.length

if (isLimited) spawnSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited'])
else rmSync(ballast)
codes.length = 0
for (let count = 0; count < 5; count += 1) await commit(`after-${count}`, 2000)
const readable = acknowledged.every((id) => ledger.store.readBody(id) !== undefined)
await ledger.close()
ledger = (await openSite(site)).ledger
const stillThere = acknowledged.every((id) => ledger.store.readBody(id) !== undefined)
await ledger.close()
const { findings, leaves } = await verifySite(site)

process.stdout.write(
  `${JSON.stringify({ acknowledged: acknowledged.length, whileFull, openedWhileFull, verifiedWhileFull, after: codes, readable, stillThere, findings, leaves })}\n`,
)

function openCode(): string {
  try {
    openDatabase({ path: `${site.path}.second`, key: site.key }).close()
    return 'opened'
  } catch (error) {
    return errorCode(error)
  }
}
