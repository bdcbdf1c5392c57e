import { z } from 'zod'
import { channelAccess } from '../device/platform/channel.ts'

const path = z.string().min(1).max(4096)
const ms = (least: number, most: number) => z.int().min(least).max(most)

/** The updater's configuration file; docs/updates.md shows one. Secrets are paths to files. Relative paths start at the file's folder. */
export const updaterConfigSchema = z.strictObject({
  deviceId: z.string().regex(/^[0-9A-Za-z][0-9A-Za-z._:-]{0,127}$/),
  /** The model store: this process is its only writer. */
  store: path,
  /** Public keys (PEM) of vendor and fleet, pinned at enrolment. */
  trust: z.strictObject({ vendor: path, fleet: path }),
  /** Where the runtime proves and activates. */
  runtime: z.strictObject({ socket: path }),
  /** Where `wardstone model` asks; `group` lets the members of the folder's group ask too. */
  control: z.strictObject({ socket: path, access: z.enum(channelAccess).default('owner') }),
  /** For releases from a server: the one authority its certificate may come from, and what it is shown of this device. */
  https: z
    .strictObject({ authority: path, clientKey: path.optional(), clientCertificate: path.optional() })
    .refine(({ clientKey, clientCertificate }) => (clientKey === undefined) === (clientCertificate === undefined), {
      message: 'clientKey and clientCertificate belong together',
    })
    .optional(),
  limits: z
    .strictObject({
      /** Largest package that is taken. */
      maxPackageBytes: z
        .int()
        .min(1)
        .max(64 * 1024 ** 3)
        .default(64 * 1024 ** 3),
      /** For one fetch, with all its repetitions. */
      fetchMs: ms(1000, 604_800_000).default(43_200_000),
      /** Without enough bytes for so long, a source counts as stuck. */
      fetchIdleMs: ms(100, 600_000).default(30_000),
      /** First wait after a failure of a source; it doubles. */
      fetchRetryMs: ms(1, 60_000).default(1000),
      /** Left free on the disk of the store. */
      reserveBytes: z.int().min(0).default(33_554_432),
      /** How long a job waits for a runtime that does not answer. */
      runtimeWaitMs: ms(0, 86_400_000).default(600_000),
      /** For proving one release. */
      proveMs: ms(100, 86_400_000).default(900_000),
      /** For any other answer of the runtime. */
      answerMs: ms(100, 600_000).default(60_000),
      /** First and longest wait before the runtime is asked again. */
      retryMinMs: ms(1, 60_000).default(250),
      retryMaxMs: ms(1, 600_000).default(10_000),
      /** How long the part of a package that came is kept to go on with. */
      keepPartialMs: ms(0, 31_536_000_000).default(604_800_000),
      /** Jobs under way at a time. */
      maxJobs: z.int().min(1).max(64).default(8),
    })
    .prefault({}),
})

export type UpdaterConfig = z.infer<typeof updaterConfigSchema>
export type UpdaterLimits = UpdaterConfig['limits']
