import { outboundFilters, parseTopic } from '../device/outbound/topics.ts'

/** The common name of the fleet manager's certificate. */
export const FLEET_NAME = 'fleet'

/** May this client publish there? A device on its own topics, the fleet manager acknowledgements; a name is given once in a fleet. */
export function mayPublish(clientName: string, topic: string): boolean {
  const target = targetOf(topic)
  if (target === undefined) return false
  return clientName === FLEET_NAME ? target.leaf === 'decisions/ack' : isOwnReport(clientName, target)
}

/** May this client listen there? A device to its own acknowledgements, the fleet manager to what all devices say. */
export function maySubscribe(clientName: string, filter: string): boolean {
  if (clientName === FLEET_NAME) return outboundFilters.includes(withoutShare(filter))
  const target = targetOf(filter)
  return target?.leaf === 'decisions/ack' && target.device === clientName
}

function isOwnReport(clientName: string, { device, leaf }: ReturnType<typeof parseTopic>): boolean {
  return device === clientName && leaf !== 'decisions/ack'
}

function withoutShare(filter: string): string {
  return filter.replace(/^\$share\/[a-z0-9-]{1,64}\//, '')
}

function targetOf(topic: string): ReturnType<typeof parseTopic> | undefined {
  try {
    return parseTopic(topic)
  } catch {
    return undefined
  }
}
