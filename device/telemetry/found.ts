/**
 * What was found, or why nothing was. Absent and unreadable are kept apart: the one is a fact about the machine, the
 * other says nothing about it.
 */
export type Found<T> =
  | { readonly state: 'found'; readonly value: T }
  | { readonly state: 'absent' }
  | { readonly state: 'unreadable'; readonly why: string }
