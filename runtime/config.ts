import { z } from 'zod'

const path = z.string().min(1).max(4096)

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
  /** A folder with one folder per slot: package.wspkg, image.json, grant.json. */
  store: path,
  inference: z.strictObject({
    threads: z.int().min(1).max(64),
    maxQueue: z.int().min(1).max(10_000),
    isolation: z.enum(['required', 'preferred']),
  }),
})

export type RuntimeConfig = z.infer<typeof runtimeConfigSchema>
