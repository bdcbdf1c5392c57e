const MAX_TEXT = 200

/** What a draft is written in; a place that is still open holds a text with the mark, whatever its type will be. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** What a file says of itself, as a part of a text that people read. */
export function shortText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd').slice(0, MAX_TEXT)
}
