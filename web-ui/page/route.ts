/** Where in the pages somebody is. The fragment of an address never reaches the box, nor its logs. */
export type Route =
  | { readonly page: 'now' }
  | { readonly page: 'decision'; readonly id: string | undefined }
  | { readonly page: 'models'; readonly slot: string | undefined }
  | { readonly page: 'unknown' }

const DECISION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const SLOT = /^[a-z][a-z0-9-]{0,63}$/

export function parseRoute(hash: string): Route {
  const [page = '', name, ...others] = hash.replace(/^#\/?/, '').split('/')
  if (others.length > 0) return { page: 'unknown' }
  if (page === '' && name === undefined) return { page: 'now' }
  if (page === 'decision' && (name === undefined || DECISION_ID.test(name))) return { page: 'decision', id: name }
  if (page === 'models' && (name === undefined || SLOT.test(name))) return { page: 'models', slot: name }
  return { page: 'unknown' }
}

export function isDecisionId(text: string): boolean {
  return DECISION_ID.test(text)
}

export const decisionLink = (id: string): string => `#/decision/${id}`
export const modelLink = (slot: string): string => `#/models/${slot}`
