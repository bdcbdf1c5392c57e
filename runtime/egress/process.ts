import { resolve } from 'node:path'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import type { Randomness } from '../../device/crypto/randomness.ts'
import type { RenewalOptions } from '../../device/identity/renewal.ts'
import type { DeviceState } from '../../device/outbound/device-state.ts'
import type { CheckpointMessage } from '../../device/outbound/messages.ts'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import { serveChannel } from '../../device/platform/channel.ts'
import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import { BrokerFiles } from './broker-files.ts'
import { CatalogueFile } from './catalogue-file.ts'
import { watchCertificate } from './certificate-watch.ts'
import type { EgressConfig } from './config.ts'
import { EgressError } from './errors.ts'
import { createIntake } from './intake.ts'
import { Publisher } from './publisher.ts'
import { type EgressQueue, openQueue } from './queue.ts'

const MAX_PEM_BYTES = 65_536

export interface EgressParts {
  readonly clock: Clock
  readonly randomness: Randomness
  readonly log: Log
}

export interface Egress {
  /** Takes nothing more, says goodbye to the broker, closes the queue. */
  stop(): Promise<void>
}

/**
 * Starts egress: the queue, the socket on which the runtime hands over, the connection to the broker. It opens no other file but those of its certificate.
 * @param base the folder that relative paths of the configuration start from
 * @throws EgressError, ChannelError
 */
export async function startEgress(config: EgressConfig, base: string, parts: EgressParts): Promise<Egress> {
  const path = (name: string) => resolve(base, name)
  const { site, device, limits } = config
  const started = new AsyncDisposableStack()
  try {
    const catalogue = new CatalogueFile(path(config.catalogue), parts.clock, parts.log)
    const certificate = watchCertificate(renewalOptions(config, path, parts))
    started.defer(() => certificate.stop())
    await certificate.start()
    const files = new BrokerFiles(config, path, parts)
    const queue = openQueue({ path: path(config.queue), maxRecords: limits.maxRecords, randomness: parts.randomness })
    started.defer(() => queue.close())
    let state: DeviceState | null = null
    let checkpoint: CheckpointMessage | undefined
    const { reconnectMaxMs } = limits
    const publisher = new Publisher({
      ...{ site, device, queue, limits, reconnectMaxMs, ...parts },
      broker: () => files.current(),
      deviceState: () => state,
      checkpoint: () => checkpoint,
    })
    started.defer(() => publisher.stop())
    const handlers = createIntake({
      queue,
      clock: parts.clock,
      catalogue: () => catalogue.current(),
      wake: () => publisher.wake(),
      setDeviceState: (next) => {
        state = next
      },
      fleetLink: () => ({ ...publisher.link(), waiting: waitingIn(queue), certificate: certificate.news() }),
      setCheckpoint: (next) => {
        checkpoint = next
      },
    })
    const server = await serveChannel({
      path: path(config.socket),
      access: config.access,
      handlers,
      log: parts.log,
    })
    started.defer(() => server.close())
    publisher.start()
    return { stop: () => started.disposeAsync() }
  } catch (error) {
    await started.disposeAsync()
    throw error
  }
}

function waitingIn(queue: EgressQueue): number {
  const { last, acked } = queue.position()
  return Math.max(0, last - acked)
}

/** The certificate is renewed by whom the broker's own comes from, unless another issuer is named. */
function renewalOptions({ broker }: EgressConfig, path: (name: string) => string, parts: EgressParts): RenewalOptions {
  const issuer = path(broker.issuer ?? broker.authority)
  try {
    const authorityPem = readFileBounded(issuer, MAX_PEM_BYTES).toString('utf8')
    const pair = { key: path(broker.key), certificate: path(broker.certificate) }
    return { ...parts, ...pair, provider: createCryptoProvider(), authorityPem }
  } catch (cause) {
    throw new EgressError('egress_file_unreadable', { cause, about: broker.issuer ?? broker.authority })
  }
}
