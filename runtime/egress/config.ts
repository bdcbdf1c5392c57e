import { z } from 'zod'
import { TOPIC_NAME } from '../../device/outbound/topics.ts'
import { channelAccess } from '../../device/platform/channel.ts'

const path = z.string().min(1).max(4096)
const name = z.string().regex(TOPIC_NAME)

/** The egress process's configuration file. Secrets are paths to files, never values. Relative paths start at the file's folder. */
export const egressConfigSchema = z.strictObject({
  site: name,
  /** Also the common name of the device's certificate: the broker's access list goes by it. */
  device: name,
  /** Where the runtime hands over. */
  socket: path,
  /** `group` lets the members of the folder's group hand over too: the runtime, where it has a user of its own. */
  access: z.enum(channelAccess).default('owner'),
  queue: path,
  /** Numbers of the models (docs/egress.md). */
  catalogue: path,
  broker: z.strictObject({
    host: z.string().min(1).max(253),
    port: z.int().min(1).max(65_535),
    key: path,
    certificate: path,
    authority: path,
    /** Who issues this device's certificate, where that is another than the broker's authority. */
    issuer: path.optional(),
  }),
  limits: z
    .strictObject({
      /** Records a second, resent ones included, over however many connections; after a pause one second's worth at once. */
      recordsPerSecond: z.int().min(1).max(100_000).default(200),
      /** Records that wait at most; more stay with the runtime. */
      maxRecords: z.int().min(64).max(100_000_000).default(5_000_000),
      /** Without an answer of the fleet manager for this long, what it has not acknowledged is sent again. */
      ackTimeoutMs: z.int().min(100).max(3_600_000).default(30_000),
      /** Longest wait between two tries to connect. */
      reconnectMaxMs: z.int().min(100).max(3_600_000).default(120_000),
    })
    .prefault({}),
})

export type EgressConfig = z.infer<typeof egressConfigSchema>
export type EgressLimits = EgressConfig['limits']
