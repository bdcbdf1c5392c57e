import { WardstoneError, type WardstoneErrorOptions } from '../device/platform/errors.ts'

export const runtimeErrors = {
  runtime_port_in_use: 'Another program listens on this address and port. Stop it, or configure another port.',
  runtime_listen_failed: 'The configured address cannot be listened on.',
  runtime_file_unreadable: 'A file that the configuration names is missing, unreadable or of the wrong size.',
  runtime_site_missing: 'There is no runtime.json there. Name the folder of the site with --site.',
  runtime_store_unreadable: 'The model store cannot be read.',
} as const

export class RuntimeError extends WardstoneError<keyof typeof runtimeErrors> {
  constructor(code: keyof typeof runtimeErrors, options?: WardstoneErrorOptions) {
    super(code, runtimeErrors[code], options)
  }
}
