import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { serveChannel } from '../../device/platform/channel.ts'
import { silentLog } from '../../device/platform/log.ts'
import type { AuditSite } from './audit-log.ts'
import { operatorMethods } from './operator-event.ts'
import { auditShowCommand } from './show-command.ts'
import { commandSite, decided, runCommand } from './testkit/command-fixture.ts'
import { readCheckpoint } from './testkit/kept-checkpoint.ts'
import { type LogSite, makeSite, openSite, removeSite, verifySite } from './testkit/ledger-fixture.ts'

let site: LogSite
let place: AuditSite

beforeEach(async () => {
  site = await makeSite()
  place = commandSite(site)
  await write('d', 3)
})
afterEach(() => removeSite(site))

async function write(name: string, count: number): Promise<void> {
  const { ledger } = await openSite(site)
  for (let index = 0; index < count; index += 1) await ledger.commit(decided(`${name}${index}`, 'patient-1'))
  await ledger.close()
}

const show = (where: AuditSite) => runCommand(auditShowCommand, ['d1', '--json'], where)

describe('evidence stands in the log that is read, or nothing is shown', () => {
  test('a runtime of another site that answers at the socket does not do', async () => {
    const other = await makeSite()
    const { ledger } = await openSite(other)
    mkdirSync(join(site.directory, 'run'), { mode: 0o700 })
    const options = { path: place.channelPath, handlers: operatorMethods(ledger), log: silentLog }
    const server = await serveChannel(options)
    const { code, stdout, stderr } = await show(place)
    await server.close()
    await ledger.close()
    removeSite(other)
    expect([code, stdout]).toEqual([20, ''])
    expect(stderr).toContain('audit_evidence_unrecorded')
  })

  test('to a log that was rolled back nothing is added, so nothing of it is shown', async () => {
    const copy = join(site.directory, 'copy.db')
    copyFileSync(site.path, copy)
    await write('e', 3)
    const kept = join(site.directory, 'log.checkpoint')
    writeFileSync(kept, readCheckpoint(site))
    const withKept = { ...place, keptCheckpointPath: kept }
    expect((await show(withKept)).code).toBe(0)
    for (const end of ['-wal', '-shm']) rmSync(`${site.path}${end}`, { force: true })
    copyFileSync(copy, site.path)
    const { code, stdout, stderr } = await show(withKept)
    expect([code, stdout]).toEqual([20, ''])
    expect(stderr).toContain('audit_log_rolled_back')
    expect((await verifySite(site)).leaves).toBe(4)
  })
})
