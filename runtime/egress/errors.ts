import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const egressErrors = {
  egress_file_unreadable: 'A file that the egress configuration names is missing, unreadable or not valid.',
  egress_queue_in_use: 'Another egress process uses this queue.',
  egress_queue_unusable: 'The egress queue cannot be opened, or is none of this release.',
  egress_queue_failed: 'The egress queue could not be written.',
  egress_queue_full: 'The egress queue holds as many records as it may; the runtime keeps the rest.',
  egress_queue_behind:
    'The egress queue is an older copy: nothing new is taken until what it holds is acknowledged, and then a new stream begins.',
  egress_source_unknown: 'Rows came from more logs than the egress queue keeps apart.',
  egress_outbox_behind:
    'Egress holds more rows than the outbox ever had: the database is older than what has left. Nothing is handed over.',
  egress_checkpoint_malformed: 'The newest checkpoint of the log is not in the form of a signed note.',
  egress_connection_failed: 'The broker could not be reached, or did not accept this device.',
  egress_connection_lost: 'The connection to the broker ended.',
  egress_broker_hostile: 'The broker sent what no broker of this protocol sends; the connection was ended.',
} as const

export class EgressError extends WardstoneError<keyof typeof egressErrors> {
  constructor(code: keyof typeof egressErrors, options?: WardstoneErrorOptions) {
    super(code, egressErrors[code], options)
  }
}
