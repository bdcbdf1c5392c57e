/** Text that is markup already; everything else is escaped when it is put into markup. */
export interface Markup {
  readonly markup: string
}

export type Part = string | number | Markup | readonly Markup[]

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] ?? '')
}

/** A template of markup: what stands in it is escaped unless it is markup itself. Attributes must be in double quotes. */
export function markup(parts: TemplateStringsArray, ...values: readonly Part[]): Markup {
  const text = parts.map((part, index) => `${part}${index < values.length ? textOf(values[index] ?? '') : ''}`)
  return { markup: text.join('') }
}

function textOf(part: Part): string {
  if (typeof part === 'string') return escapeText(part)
  if (typeof part === 'number') return Number.isFinite(part) ? String(Math.round(part * 1000) / 1000) : '0'
  return 'markup' in part ? part.markup : part.map((each) => each.markup).join('')
}
