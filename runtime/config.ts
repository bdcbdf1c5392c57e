import { z } from 'zod'

const path = z.string().min(1).max(4096)
const slotName = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/)

/** How the box watches itself; may be left out as a whole or in part. */
const deviceSchema = z.strictObject({
  sampleSeconds: z.int().min(5).max(3600).default(15),
  /** The driver's tool, by name or path. */
  nvidiaSmi: path.default('nvidia-smi'),
  /** The device certificate, and the one authority that may renew it. */
  identity: z.strictObject({ key: path, certificate: path, authority: path }).optional(),
})

/** What a configuration without the section means. */
export const deviceDefaults = deviceSchema.parse({})

/** The runtime's configuration file. Secrets are paths to files, never values. Relative paths start at the file's folder. */
export const runtimeConfigSchema = z.strictObject({
  deviceId: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  listen: z.strictObject({ host: z.string().min(1), port: z.int().min(0).max(65_535) }),
  tls: z.strictObject({ key: path, certificate: path, clientAuthority: path, revoked: path.optional() }),
  database: z.strictObject({ path, key: path }),
  subjectsKey: path,
  log: z.strictObject({
    origin: z.string().regex(/^[A-Za-z0-9./-]{1,128}$/),
    key: path,
    publicKey: path,
    checkpoint: path.optional(),
  }),
  trust: z.strictObject({ vendor: path, fleet: path, packageKey: path }),
  /** The model store, as models/store/layout.ts has it; the updater writes it. */
  store: path,
  /** A folder for sockets of local commands, of this user alone. */
  run: path.optional(),
  inference: z.strictObject({
    threads: z.int().min(1).max(64),
    maxQueue: z.int().min(1).max(10_000),
    isolation: z.enum(['required', 'preferred']),
    /** Processes that serve a model side by side, by slot; each takes its memory anew. One where nothing is said. */
    instances: z.record(slotName, z.int().min(1).max(16)).optional(),
    /** Cores that only what is asked at the bedside may use; one where there are two or more. */
    reservedCores: z.int().min(0).max(64).optional(),
    /** After so long without a request the model of a slot is unloaded, and loaded by the next; never where nothing is said. */
    idleMinutes: z.record(slotName, z.int().min(1).max(10_080)).optional(),
  }),
  /**
   * Images that are decoded at once, those that may wait, and what one may take in memory besides the decoder itself; then what
   * a request with an image may be: its bytes, how many come in at once (of all clients, of one), and the time for its body.
   */
  images: z
    .strictObject({
      maxConcurrent: z.int().min(1).max(64).optional(),
      maxWaiting: z.int().min(0).max(1024).optional(),
      memoryLimitBytes: z
        .int()
        .min(64 * 1024 * 1024)
        .optional(),
      maxRequestBytes: z
        .int()
        .min(1024 * 1024)
        .max(512 * 1024 * 1024)
        .optional(),
      maxRequests: z.int().min(1).max(256).optional(),
      maxRequestsPerClient: z.int().min(1).max(256).optional(),
      requestSeconds: z.int().min(5).max(120).optional(),
    })
    .optional(),
  /** The port of gRPC, by the Open Inference Protocol; its REST form is on the main port. */
  oip: z
    .strictObject({ grpc: z.strictObject({ host: z.string().min(1), port: z.int().min(0).max(65_535) }) })
    .optional(),
  device: deviceSchema.optional(),
  /** Where egress takes what may leave the box; without it nothing is handed over. */
  egress: z.strictObject({ socket: path }).optional(),
  /**
   * Sockets of model updates: `activation`, which the runtime serves to the updater, and `control`, the updater's own, which the
   * commands of an operator and the API ask; and the folder where releases are laid down that come in over the API (`uploads` in
   * `run` when not given): the runtime's own, with the updater's account in its group where that is another. Without the section
   * models change at a start alone.
   */
  updater: z.strictObject({ activation: path, control: path, uploads: path.optional() }).optional(),
})

export type RuntimeConfig = z.infer<typeof runtimeConfigSchema>

/** Where releases are laid down that come in over the API; relative like the other paths. */
export function uploadsFolderOf(config: RuntimeConfig): string {
  return config.updater?.uploads ?? `${config.run ?? 'run'}/uploads`
}

/** Where the runtime takes the evidence of the audit commands; relative like the other paths. */
export function auditSocketOf(config: RuntimeConfig): string {
  return `${config.run ?? 'run'}/audit.sock`
}
