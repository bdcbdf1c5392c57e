/** A value of an input in a few characters: a tensor is its shape. */
export function valueText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  if (!('dims' in value) || !Array.isArray(value.dims)) return JSON.stringify(value).slice(0, 64)
  const dtype = 'dtype' in value ? `${String(value.dtype)} ` : ''
  return `${dtype}[${value.dims.join(' × ')}]`
}

/** With a blank before it; the unit of a bare number, and what is only an annotation (UCUM section 2.3), is none. */
export function unitText(unit: string | null | undefined): string {
  return unit === undefined || unit === null || unit === '1' || /^(?:\{[^}]*\})?$/.test(unit) ? '' : ` ${unit}`
}
