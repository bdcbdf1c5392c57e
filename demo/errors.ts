import { WardstoneError, type WardstoneErrorOptions } from '../device/platform/errors.ts'

export const demoErrors = {
  demo_site_incomplete:
    'The development site lacks a file. Put it back, or make another site with --site. The folder holds the audit log: keep it.',
  demo_site_unreadable:
    'The development site cannot be read. Check the permissions of the folder, or choose another with --site.',
  demo_site_unwritable:
    'The development site cannot be written. Check the permissions of the folder, or choose another with --site.',
  demo_disk_full: 'The disk is full. Free some space and start again; nothing half-made was left behind.',
  demo_site_foreign:
    'The folder exists and is not a development site of this release. Move it away, or choose another with --site.',
  demo_site_in_use: 'The demo already runs on this site. Stop it there, or choose another folder with --site.',
  demo_model_unavailable: 'A model does not run; what the others decided stands above.',
  demo_process_stopped: 'A process of the appliance stopped by itself. Its last words are in its log.',
  demo_clock_wrong:
    'A certificate of the site is not valid now. Check the clock of this machine, or make another site with --site.',
  demo_request_refused: 'The runtime refused a request of the demo.',
  demo_process_failed: 'A process of the appliance could not start.',
  demo_broker_failed:
    'The broker of the demonstration could not start: its address is taken, or its certificate is unusable.',
  demo_broker_refused: 'The broker refused a message: the certificate of the client does not allow the topic.',
  demo_request_failed: 'The runtime did not answer a request.',
  demo_data_unreadable:
    'No ICU stays were found there: give a folder or .tar.gz archive with pipe-separated .psv files.',
} as const

export class DemoError extends WardstoneError<keyof typeof demoErrors> {
  constructor(code: keyof typeof demoErrors, options?: WardstoneErrorOptions) {
    super(code, demoErrors[code], options)
  }
}
