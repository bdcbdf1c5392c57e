import { OutboundError } from './errors.ts'

/** What a device sends, and what it is sent: `wardstone/v1/{site}/{device}/{leaf}`. */
export const outboundLeaves = ['decisions', 'state', 'audit/checkpoint'] as const
export const ACK_LEAF = 'decisions/ack'

export type OutboundLeaf = (typeof outboundLeaves)[number]
export type TopicLeaf = OutboundLeaf | typeof ACK_LEAF

export interface Topic {
  readonly site: string
  readonly device: string
  readonly leaf: TopicLeaf
}

const topicLeaves: readonly TopicLeaf[] = [...outboundLeaves, ACK_LEAF]
const PREFIX = 'wardstone/v1'
/** A name of a site or a device: a level of a topic without anything that MQTT reads as a wildcard. */
export const TOPIC_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/
const MAX_TOPIC_CHARACTERS = 256

/** Filters of a collector for all devices, one per leaf. For a shared subscription put `$share/{group}/` in front. */
export const outboundFilters: readonly string[] = outboundLeaves.map((leaf) => `${PREFIX}/+/+/${leaf}`)

/** @throws OutboundError outbound_topic_unknown when a name is none */
export function topicOf(site: string, device: string, leaf: TopicLeaf): string {
  if (!TOPIC_NAME.test(site) || !TOPIC_NAME.test(device)) throw new OutboundError('outbound_topic_unknown')
  return `${PREFIX}/${site}/${device}/${leaf}`
}

/** @throws OutboundError outbound_topic_unknown */
export function parseTopic(topic: string): Topic {
  const [first, version, site = '', device = '', ...rest] = topic.length > MAX_TOPIC_CHARACTERS ? [] : topic.split('/')
  const leaf = topicLeaves.find((each) => each === rest.join('/'))
  const isOurs = `${first}/${version}` === PREFIX && TOPIC_NAME.test(site) && TOPIC_NAME.test(device)
  if (!isOurs || leaf === undefined) throw new OutboundError('outbound_topic_unknown')
  return { site, device, leaf }
}
