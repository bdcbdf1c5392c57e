import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const fleetErrors = {
  fleet_config_invalid: 'A file that the configuration of the fleet manager names cannot be used.',
  fleet_store_unreadable: 'The database of the fleet manager could not be opened or read.',
  fleet_store_foreign: 'The file is not a database of the fleet manager, or of a newer release.',
  fleet_store_failed: 'The database of the fleet manager could not be written.',
  fleet_store_full: 'The disk of the fleet manager is full: nothing is acknowledged until there is space.',
  fleet_device_unknown: 'Nothing has been received of a device of this name.',
  fleet_checkpoint_none: 'No checkpoint of this device has been received.',
  fleet_export_failed: 'The export could not be written.',
} as const

export class FleetError extends WardstoneError<keyof typeof fleetErrors> {
  constructor(code: keyof typeof fleetErrors, options?: WardstoneErrorOptions) {
    super(code, fleetErrors[code], options)
  }
}
