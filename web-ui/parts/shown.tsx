import type { ComponentChildren } from 'preact'
import { FaultNotice, Notice } from './notice.tsx'
import type { Loaded } from './use-loaded.ts'

interface ShownProps<T> {
  readonly loaded: Loaded<T>
  /** A noun: "the models". */
  readonly what: string
  children(value: T): ComponentChildren
}

/** An answer once it is there; before that and instead of it, what is the matter. What is old is shown, and said to be old. */
export function Shown<T>({ loaded, what, children }: ShownProps<T>) {
  const { value, fault } = loaded
  if (value === undefined)
    return fault === undefined ? <p class="loading">Asking for {what} …</p> : <FaultNotice fault={fault} what={what} />
  return (
    <>
      {fault !== undefined && <Notice tone="limit">Shown as last heard: {fault.message}</Notice>}
      {children(value)}
    </>
  )
}
