import { type ChannelMethod, channelMethod } from '../../device/platform/channel.ts'
import {
  activateReleaseRequest,
  type ControlMethod,
  installRequest,
  jobRequest,
  listRequest,
  removeRequest,
  rollbackRequest,
} from '../../models/store/control-channel.ts'
import type { Updates } from './updates.ts'

/** The updater's control channel: who may open its socket may ask; what may run is decided by signatures and by the runtime. */
export function controlHandlers(updates: Updates): Record<ControlMethod, ChannelMethod> {
  return {
    install: channelMethod(installRequest, (request) => updates.install(request)),
    activate: channelMethod(activateReleaseRequest, (request) => updates.activate(request.package, request.by)),
    rollback: channelMethod(rollbackRequest, ({ slot, by }) => updates.rollback(slot, by)),
    job: channelMethod(jobRequest, ({ job }) => updates.job(job)),
    cancel: channelMethod(jobRequest, ({ job }) => updates.cancel(job)),
    remove: channelMethod(removeRequest, (request) => updates.remove(request.package)),
    list: channelMethod(listRequest, () => updates.list()),
  }
}
