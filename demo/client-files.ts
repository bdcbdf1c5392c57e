import { writeFileAtomic } from '../device/platform/atomic-file.ts'
import { roles } from '../runtime/access/principal.ts'
import type { Site } from './site.ts'

/** For `wardstone … --client FILE`, one for each role: where the box answers this time, for its port may be another each time. */
export function writeClientFiles(site: Site, url: string): void {
  for (const role of roles) {
    const client = { url, certificate: `${role}.pem`, key: `${role}.key`, authority: '../authority/ca.pem' }
    writeFileAtomic(site.path(`clients/${role}.json`), `${JSON.stringify(client, null, 2)}\n`)
  }
}
