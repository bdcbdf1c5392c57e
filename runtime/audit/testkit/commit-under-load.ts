import { openSync, writeSync } from 'node:fs'
import { acquireInstanceLock } from '../../storage/instance-lock.ts'
import { decisionEvidence, feedbackEvidence, openSite } from './ledger-fixture.ts'
import { readSiteFile } from './site-file.ts'

/**
 * A process that commits without pause, sixteen at a time, until it is killed. What was acknowledged it writes to a file
 * at once: one line with id, leaf index and leaf hash. `ready` on standard output says that the first one is there.
 */
const [siteFile = '', acknowledgedFile = '', run = ''] = process.argv.slice(2)
const acknowledged = openSync(acknowledgedFile, 'a')
const site = await readSiteFile(siteFile)
acquireInstanceLock(`${site.path}.lock`)
const { ledger } = await openSite(site)

async function commitForever(lane: number): Promise<void> {
  for (let count = 0; ; count += 1) {
    const id = `${run}-${lane}-${count}`
    const evidence =
      count % 5 === 4
        ? feedbackEvidence(id, `${run}-${lane}-${count - 1}`)
        : decisionEvidence(id, `patient-${count % 40}`)
    const { leafIndex, leafHash } = await ledger.commit(evidence)
    writeSync(acknowledged, `${id} ${leafIndex} ${leafHash}\n`)
    if (lane === 0 && count === 0) process.stdout.write('ready\n')
  }
}

await Promise.all(Array.from({ length: 16 }, (_, lane) => commitForever(lane)))
