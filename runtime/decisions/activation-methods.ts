import { z } from 'zod'
import { type ChannelMethod, channelMethod } from '../../device/platform/channel.ts'
import {
  activateRequest,
  discardRequest,
  type activationMethods as methodNames,
  proveRequest,
  recordRefusalRequest,
  type SlotsAnswer,
} from '../../models/store/activation-channel.ts'
import type { ModelActivation } from './model-activation.ts'
import type { RefusalRecord } from './refusal-record.ts'
import type { Models } from './slot-registry.ts'
import type { Slot } from './types.ts'

type Method = (typeof methodNames)[number]

/** The runtime's end of the activation channel. */
export function activationMethods(
  activation: ModelActivation,
  refusals: RefusalRecord,
  models: Models,
): Readonly<Record<Method, ChannelMethod>> {
  return {
    prove: channelMethod(proveRequest, async (request) => ({ ...(await activation.prove(request)) })),
    activate: channelMethod(activateRequest, async ({ slot }) => ({ ...(await activation.activate(slot)) })),
    discard: channelMethod(discardRequest, async ({ slot }) => {
      await activation.discard(slot)
      return {}
    }),
    'record-refusal': channelMethod(recordRefusalRequest, async (request) => {
      await refusals.record(request)
      return {}
    }),
    slots: channelMethod(z.strictObject({}), () => ({ ...describeSlots(models) })),
  }
}

/** A slot that only a candidate stands before is named as well. */
export function describeSlots({ slots, candidate }: Models): SlotsAnswer {
  const names = new Set([...slots.keys(), ...(candidate === undefined ? [] : [candidate.slot])])
  return {
    slots: [...names].map((slot) => ({
      slot,
      ...describeSlot(slots.get(slot)),
      candidate: candidate?.slot === slot ? candidate.packageHash : null,
    })),
  }
}

function describeSlot(content: Slot | undefined): Omit<SlotsAnswer['slots'][number], 'slot' | 'candidate'> {
  const nothing = { package: null, version: null, counter: null }
  if (content === undefined) return { state: 'unavailable', ...nothing, fault: null }
  if (content.state === 'loading') return { state: 'loading', ...nothing, fault: null }
  if (content.state === 'unavailable') return { state: 'unavailable', ...nothing, fault: content.fault }
  const { packageHash, manifest } = content.model
  const { version, releaseCounter } = manifest
  return { state: 'active', package: packageHash, version, counter: releaseCounter, fault: content.fault ?? null }
}
