import { readFileSync } from 'node:fs'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import { packModel } from '../pack.ts'
import { createPackageSite, install, open, release } from './package-site.ts'
import { sampleDraft } from './sample-draft.ts'

/** A process of its own: packs, opens and decrypts, and says how many bytes it handed to write calls while it did. */
function writtenBytes(): number {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}

const draft = sampleDraft({ model: systemRandomness.bytes(3 * 1024 * 1024 + 1), card: 'A card.' })
const atStart = writtenBytes()
packModel(draft, systemRandomness)
const writtenByPacking = writtenBytes() - atStart

const site = await createPackageSite()
install(site, await release(site, draft))
const installed = writtenBytes()
const opened = await open(site)
const plaintextBytes = opened.readFile('model').length + opened.readFile('card').length
opened.close()
const writtenByOpening = writtenBytes() - installed
site.remove()
process.stdout.write(JSON.stringify({ plaintextBytes, writtenByPacking, writtenByOpening }))
