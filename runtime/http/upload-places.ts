import { ImageError } from '../images/errors.ts'
import { HttpError } from './errors.ts'
import type { HttpLimits } from './limits.ts'
import { type Lease, leaseThat } from './request-budget.ts'

/** For what ends when another upload does, which is not known beforehand. */
const RETRY_MS = 2000

/** How many images may be on their way in at the same time: in all, and of one client, so that it cannot take the places of the others. */
export class UploadPlaces {
  readonly #limits: Pick<HttpLimits, 'maxUploads' | 'maxUploadsPerClient'>
  readonly #perClient = new Map<string, number>()
  #taken = 0

  constructor(limits: Pick<HttpLimits, 'maxUploads' | 'maxUploadsPerClient'>) {
    this.#limits = limits
  }

  /** @throws HttpError request_rate_limited: its share is taken; ImageError image_decoder_overloaded: all places are */
  take(client: string): Lease {
    const own = this.#perClient.get(client) ?? 0
    if (own >= this.#limits.maxUploadsPerClient) throw new HttpError('request_rate_limited', { retryAfterMs: RETRY_MS })
    if (this.#taken >= this.#limits.maxUploads) {
      throw new ImageError('image_decoder_overloaded', { retryAfterMs: RETRY_MS })
    }
    this.#add(client, 1)
    return leaseThat(() => this.#add(client, -1))
  }

  #add(client: string, change: 1 | -1): void {
    this.#taken += change
    const own = (this.#perClient.get(client) ?? 0) + change
    if (own === 0) this.#perClient.delete(client)
    else this.#perClient.set(client, own)
  }
}
